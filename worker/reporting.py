"""The jobs that a horse paints, and the interface through which it reports on them.

The operations see these only; the pipe and the parent process behind a `Reporter` are known to the
horse alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from service.contract.jobs import (
    JobFailure,
    JobSpec,
    JobWarning,
    MaskAsked,
    MaskEffective,
    Output,
    Recipe,
    Timings,
)


@dataclass(frozen=True)
class ClaimedJob:
    """One job that a claim holds.

    Attributes:
        spec: the request.
        token: the claim's token; outputs go under `jobs/{job_id}/{token}/`.
        attempt: how many claims the job has had, this one included.
        waited_seconds: since the job was accepted.
        trace: context of the trace that the painting belongs to; empty without one.
    """

    spec: JobSpec
    token: str
    attempt: int = 1
    waited_seconds: float = 0.0
    trace: str = ""

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.spec.job_id


class Aborted(Exception):
    """Every job of the call was aborted; raised by `Reporter.step`, through the engine."""


class Reporter(Protocol):
    """Takes the reports of the painting, job by job.

    Every job gets exactly one of `done` and `failed`, unless it was aborted.
    """

    def is_aborted(self, job_id: str) -> bool:
        """Return whether the job was canceled, late or lost; its output will be dropped."""
        ...

    def started(self, job_ids: list[str]) -> None:
        """Report that painting begins; loading a model does not count."""
        ...

    def mask_ready(
        self, job_id: str, mask: MaskEffective, path: str, asked: MaskAsked | None = None
    ) -> None:
        """Report that the effective mask is in the blob store, before the painting starts.

        Args:
            job_id: the job.
            mask: the effective mask.
            path: of its picture.
            asked: the mask before `grow`, where finders found it.
        """
        ...

    def step(self, job_ids: list[str], stage: str, step: int, steps: int) -> None:
        """Report a step; cheap enough for every step, because excess reports are dropped.

        Raises:
            Aborted: all of these jobs are aborted.
        """
        ...

    def preview(self, job_id: str, jpeg: bytes) -> None:
        """Report a preview; returns at once and never fails, because excess previews are dropped.

        Args:
            job_id: the job.
            jpeg: a small picture.
        """
        ...

    def done(
        self,
        job_id: str,
        outputs: list[Output],
        recipe: Recipe,
        timings: Timings,
        warnings: list[JobWarning],
    ) -> None:
        """Report that the job's outputs are in the blob store, checked."""
        ...

    def failed(self, job_id: str, failure: JobFailure) -> None:
        """Report that the job cannot be painted."""
        ...
