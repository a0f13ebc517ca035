"""The text in a result's file that describes how it was made.

Files of `generate` alone: which weights painted must be known to whoever gets the file. What the
weight-free methods give follows from the request, and so does every byte of their files, whichever
jobs they shared a call with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from service.contract.jobs import Recipe
from worker.reporting import ClaimedJob

KEYWORD: Final = "paintjob"
"""Of the text in a PNG."""

PAINTING_FIELDS: Final = frozenset(
    {
        "intent",
        "preset",
        "loras",
        "strength",
        "guidance_scale",
        "num_inference_steps",
        "region",
        "padding",
        "infill",
        "quality",
        "deterministic",
        "grow",
        "grow_by_model",
        "feather",
        "overlap",
    }
)
"""Parameters that the text contains. Those that hold a caller's words, as prompts and tags do, are
left out: files are passed on further than answers."""


def describe_file(job: ClaimedJob, seed: int, recipe: Recipe) -> Mapping[str, str]:
    """Return the texts of one picture's file, by keyword; none for weight-free methods.

    Args:
        job: that was painted.
        seed: of this picture.
        recipe: likewise.
    """
    spec = job.spec
    if spec.method != "generate":
        return {}
    recipe_text = {
        "operation": spec.operation,
        "method": spec.method,
        "model": spec.model,
        "seed": seed,
        "params": spec.params.model_dump(
            mode="json", include=set(PAINTING_FIELDS), exclude_none=True
        ),
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
    }
    return {KEYWORD: json.dumps(recipe_text, ensure_ascii=False, separators=(",", ":"))}
