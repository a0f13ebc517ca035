"""Stages of a job, by the places that samples were taken at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

OTHER: Final = "other"
SAMPLING: Final = "sampling"
"""Places of the sampler itself; see `sitecustomize`."""

PASSED: Final = ("worker/engines/patch/strips", "worker/engines/progress")
"""Functions that only call others: the time is not theirs."""

Rules = tuple[tuple[str, str], ...]
"""Stage by what a function on the stack begins with, `file:function`; the innermost function that
fits any rule decides, by the first rule that it fits."""

PAINTING: Final[Rules] = (
    ("worker/engines/ground/rarity", "paint: what exists once"),
    ("worker/engines/ground", "paint: grounds"),
    ("worker/engines/structures", "paint: structures"),
    ("worker/engines/graphics", "paint: graphics"),
    ("worker/engines/estimate", "paint: estimate"),
    ("worker/engines/patch/search", "paint: search"),
    ("worker/engines/patch/peel", "paint: search"),
    ("worker/engines/patch/vote", "paint: vote"),
    ("worker/engines/patch/blend", "paint: blend"),
    ("worker/engines/patch/tone", "paint: blend"),
    ("worker/engines/patch/enlarging", "paint: blend"),
    ("worker/engines/patch/distance", "paint: search"),
    ("worker/engines", "paint: rest"),
    ("thread", "paint: kernels in threads"),
    ("benchmarks/peers/telea", "paint: rest"),
    ("worker/operations/paint.py:_call", "paint: rest"),
    ("worker/imaging/proving", "verify"),
    ("service/verify", "verify"),
    ("worker/operations/inpaint.py:measure_mask", "mask"),
    ("worker/operations/inpaint.py:make_effective_mask", "mask"),
    ("worker/operations/mask_warnings", "mask"),
    ("worker/imaging/masks", "mask"),
    ("worker/imaging/decoding", "decode"),
    ("worker/imaging/encoding", "encode"),
    ("worker/imaging/compositing", "compose"),
    ("worker/operations/finishing.py:compose", "compose"),
    ("service/store/blobs.py:put", "store"),
    ("service/store/blobs.py:get", "read"),
    ("worker/operations", "other steps"),
    ("worker/horse", "messages"),
)
"""Of the painting process."""

WORKER: Final[Rules] = (
    ("service/store/claims.py:take", "claim"),
    ("service/store/claims", "reports and commit"),
    ("service/store/reaping", "upkeep"),
    ("service/store/wakeups", "upkeep"),
    ("service/store/presence", "upkeep"),
    ("worker/upkeep", "upkeep"),
    ("worker/harness", "messages"),
    ("worker/call_run", "loop"),
    ("service/store", "writes"),
    ("worker/worker", "wake-ups"),
)
"""Of a worker's parent."""

API: Final[Rules] = (
    ("service/pictures/mask", "mask"),
    ("service/pictures/region", "mask"),
    ("service/pictures", "picture's structure"),
    ("service/store/blobs", "blobs to disk and back"),
    ("service/store/wakeups", "wake-up"),
    ("service/store/runner", "scripts"),
    ("service/store", "records"),
    ("service/submission", "submission"),
    ("service/documents", "documents"),
    ("service/api/requests", "body"),
    ("service/api", "routes"),
    ("service/serving", "connections"),
    ("service/waiting", "waiting"),
    ("thread", "threads that wait"),
)
"""Of an API process."""


def read_places(folder: Path, pids: Iterable[int]) -> dict[str, float]:
    """Return the seconds by place of some processes together."""
    places: dict[str, float] = {}
    for pid in pids:
        path = folder / f"{pid}.json"
        if path.exists():
            for place, seconds in json.loads(path.read_text()).items():
                places[place] = places.get(place, 0.0) + seconds
    return places


def share_out(places: Mapping[str, float], rules: Rules, total: float) -> dict[str, float]:
    """Return what of a total belongs to each stage, as the samples are distributed.

    Args:
        places: seconds by place.
        rules: what belongs where.
        total: to be shared out, with what the sampling took; what no rule fits goes by its library.

    Returns:
        Without what the sampling took.
    """
    stages: dict[str, float] = {}
    for place, seconds in places.items():
        stage = find_stage(place, rules)
        stages[stage] = stages.get(stage, 0.0) + seconds
    sampled = sum(stages.values())
    if not sampled:
        return {OTHER: total}
    stages.pop(SAMPLING, None)
    return {stage: total * seconds / sampled for stage, seconds in stages.items()}


def find_stage(place: str, rules: Rules) -> str:
    """Return the stage of a place."""
    functions = place.split(" ")
    for function in functions:
        for start, stage in rules:
            if function.startswith(start) and not function.startswith(PASSED):
                return stage
    return OTHER if ":" in place else functions[0]
