"""The messages between the parent and its horse: one small frozen class a kind.

Pictures and previews never pass through the pipe; they are blobs.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.contract.jobs import (
    JobFailure,
    JobWarning,
    MaskAsked,
    MaskEffective,
    Output,
    Recipe,
    Timings,
)
from service.telemetry.metrics import Sample
from worker.reporting import ClaimedJob


@dataclass(frozen=True)
class Paint:
    """Parent to horse: paint these jobs, in one call where they fit."""

    jobs: tuple[ClaimedJob, ...]


@dataclass(frozen=True)
class Abort:
    """Parent to horse: stop painting this job.

    The token distinguishes it from a later claim of the same job.
    """

    job_id: str
    token: str


@dataclass(frozen=True)
class Discard:
    """Parent to horse: delete what this claim wrote; the job is another claim's now."""

    job_id: str
    token: str


@dataclass(frozen=True)
class Ready:
    """Horse to parent: the engines of the queue are warm.

    Attributes:
        methods: (operation, method) pairs that this horse paints.
        models: names of the models that are loaded, the most recently used last.
        load_seconds: seconds that warming took.
    """

    methods: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    load_seconds: float


@dataclass(frozen=True)
class BadSettings:
    """Horse to parent: the settings cannot work; any other horse would find the same."""

    reason: str


@dataclass(frozen=True)
class Started:
    """Horse to parent: painting of these jobs has begun.

    Attributes:
        models: names of the models that are loaded now, the most recently used last.
    """

    job_ids: tuple[str, ...]
    models: tuple[str, ...]


@dataclass(frozen=True)
class MaskReady:
    """Horse to parent: the effective mask of a job is in the blob store."""

    job_id: str
    mask: MaskEffective
    path: str
    asked: MaskAsked | None = None


@dataclass(frozen=True)
class Step:
    """Horse to parent: progress of jobs."""

    job_ids: tuple[str, ...]
    stage: str
    step: int
    steps: int
    fraction: float


@dataclass(frozen=True)
class Preview:
    """Horse to parent: a preview of a job is in the blob store."""

    job_id: str
    path: str


@dataclass(frozen=True)
class Done:
    """Horse to parent: the outputs of a job are in the blob store, checked.

    Attributes:
        steps: steps of the engine call that painted it; 0 if the engine reported none.
    """

    job_id: str
    outputs: tuple[Output, ...]
    recipe: Recipe
    timings: Timings
    warnings: tuple[JobWarning, ...]
    steps: int = 0


@dataclass(frozen=True)
class Failed:
    """Horse to parent: a job cannot be painted."""

    job_id: str
    failure: JobFailure


@dataclass(frozen=True)
class Painted:
    """Horse to parent: a call's pictures are painted; another `Paint` would be begun now."""


@dataclass(frozen=True)
class Idle:
    """Horse to parent: the jobs of a `Paint` are over, each in its way.

    Attributes:
        models: names of the models that are loaded now, the most recently used last.
        samples: what the horse has counted for the metrics since the last time.
    """

    models: tuple[str, ...]
    samples: tuple[Sample, ...] = ()


OfJob = Started | MaskReady | Step | Preview | Done | Failed
CallMessage = OfJob | Painted | Idle


@dataclass(frozen=True)
class OfCall:
    """Horse to parent: what happened in a call, in order.

    Attributes:
        token: of the claim that the call works for: a job may come again under another.
        messages: one, or several that came at the same time.
    """

    token: str
    messages: tuple[CallMessage, ...]


ToHorse = Paint | Abort | Discard
ToParent = Ready | BadSettings | OfCall
