"""What passes over the pipe between the parent and its horse: one small frozen class a kind.

Pictures and previews never travel here; they are blobs.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.contract.jobs import (
    JobFailure,
    JobWarning,
    MaskEffective,
    Output,
    Recipe,
    Timings,
)
from worker.reporting import Row


@dataclass(frozen=True)
class Paint:
    """Parent to horse: paint these rows in one call."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Abort:
    """Parent to horse: nobody wants this row any more.

    The token tells it from a later claim of the same job.
    """

    job_id: str
    token: str


@dataclass(frozen=True)
class Discard:
    """Parent to horse: delete what this claim wrote; the job is somebody else's now."""

    job_id: str
    token: str


@dataclass(frozen=True)
class Ready:
    """Horse to parent: the engines of the queue are warm.

    Attributes:
        methods: (operation, method) pairs that this horse paints.
        models: names of the models that are loaded, the most recently used last.
        load_seconds: how long warming took.
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
    """Horse to parent: painting of these rows has begun.

    Attributes:
        models: names of the models that are loaded now, the most recently used last.
    """

    job_ids: tuple[str, ...]
    models: tuple[str, ...]


@dataclass(frozen=True)
class MaskReady:
    """Horse to parent: the effective mask of a row is in the blob store."""

    job_id: str
    mask: MaskEffective
    path: str


@dataclass(frozen=True)
class Step:
    """Horse to parent: progress of rows."""

    job_ids: tuple[str, ...]
    stage: str
    step: int
    steps: int
    fraction: float


@dataclass(frozen=True)
class Preview:
    """Horse to parent: what a row may become is in the blob store."""

    job_id: str
    path: str


@dataclass(frozen=True)
class Done:
    """Horse to parent: a row's outputs are in the blob store, checked."""

    job_id: str
    outputs: tuple[Output, ...]
    recipe: Recipe
    timings: Timings
    warnings: tuple[JobWarning, ...]


@dataclass(frozen=True)
class Failed:
    """Horse to parent: a row cannot be painted."""

    job_id: str
    failure: JobFailure


@dataclass(frozen=True)
class Idle:
    """Horse to parent: the batch is over, whatever became of its rows.

    Attributes:
        models: names of the models that are loaded now, the most recently used last.
    """

    models: tuple[str, ...]


ToHorse = Paint | Abort | Discard
ToParent = Ready | BadSettings | Started | MaskReady | Step | Preview | Done | Failed | Idle
