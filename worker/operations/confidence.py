"""The warning about a result that may be poor."""

from __future__ import annotations

from collections.abc import Sequence

from service.contract.jobs import JobSpec, JobWarning
from worker.engines.base import Painted
from worker.engines.estimate import name_doubt

DOUBTFUL = 0.72
"""Estimate of a method without weights below which a result is doubtful. On everyday pictures and
photos, about nine in ten of the worst quarter lie below it, and hardly any of the better half."""

DOUBTFUL_MODEL = 0.35
"""The same for the built-in model of `generate`, which judges how its pieces fit alone."""


def find_doubt(spec: JobSpec, painted: Sequence[Painted]) -> list[JobWarning]:
    """Return the warning that a result may be poor, if the worst of them may.

    Args:
        spec: what was asked.
        painted: the pictures of the job.
    """
    judged = [
        (one.estimate, place) for place, one in enumerate(painted) if one.estimate is not None
    ]
    limit = DOUBTFUL_MODEL if spec.method == "generate" else DOUBTFUL
    if not judged or min(judged)[0] >= limit:
        return []
    estimate, place = min(judged)
    doubt = name_doubt(painted[place].details.get("evidence", {}))
    reason = f", most of all because {doubt}" if doubt else ""
    detail = (
        f"the method's own estimate of the result is {estimate:.2f}{reason}; "
        f"what may help: {_name_help(spec)}"
    )
    return [JobWarning(code="low_confidence", detail=detail)]


def _name_help(spec: JobSpec) -> str:
    if spec.method == "generate":
        # The only model that estimates is the built-in one, which has no weights.
        size = "a smaller mask" if spec.operation == "inpaint" else "smaller margins"
        return f"another seed, {size}, or a model with weights"
    if spec.operation == "inpaint":
        return "a smaller mask, a source_mask of where to copy from, or method generate"
    return "smaller margins, or method generate"
