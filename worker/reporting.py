"""What a horse is given to paint, and how it tells what becomes of it.

The operations see these only; that a pipe and a parent process are behind a `Reporter` is the
horse's matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from service.contract.jobs import (
    JobFailure,
    JobSpec,
    JobWarning,
    MaskEffective,
    Output,
    Recipe,
    Timings,
)


@dataclass(frozen=True)
class Row:
    """One job of a batch.

    Attributes:
        spec: what is asked.
        token: the claim's token; outputs go under `jobs/{job_id}/{token}/`.
    """

    spec: JobSpec
    token: str

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.spec.job_id


class Aborted(Exception):
    """No row of the batch is wanted any more; raised out of `Reporter.step`, through the engine."""


class Reporter(Protocol):
    """Takes what the painting tells, row by row.

    Every row gets exactly one of `done` and `failed`, unless it was aborted.
    """

    def is_aborted(self, job_id: str) -> bool:
        """Whether the row was canceled, late or taken away; its output will be dropped."""
        ...

    def started(self, job_ids: list[str]) -> None:
        """Painting begins now; loading a model does not count."""
        ...

    def mask_ready(self, job_id: str, mask: MaskEffective, path: str) -> None:
        """The effective mask lies in the blob store; said before the painting starts."""
        ...

    def step(self, job_ids: list[str], stage: str, step: int, steps: int) -> None:
        """A step is done. Cheap enough for every step: what is too much is dropped.

        Raises:
            Aborted: all of these rows are aborted.
        """
        ...

    def preview(self, job_id: str, jpeg: bytes) -> None:
        """A row may become this. Returns at once and never fails: what is too much is dropped.

        Args:
            job_id: the row.
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
        """The row's outputs lie in the blob store, checked."""
        ...

    def failed(self, job_id: str, failure: JobFailure) -> None:
        """The row cannot be painted."""
        ...
