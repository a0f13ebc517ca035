"""What the service answers, as far as a client looks at it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    """Part of an answer; fields may be added at any time, and a client ignores unknown ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ClientProof(_Answer):
    """What the service checked on an output; see `service.contract.jobs.Proof`."""

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int


class ClientOutput(_Answer):
    """One result."""

    index: int
    url: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str
    seed: int
    proof: ClientProof


class ClientProgress(_Answer):
    """How far a running job is; `fraction` lies in 0..1."""

    stage: str
    fraction: float


class ClientFailure(_Answer):
    """Why a job failed."""

    code: str
    title: str
    detail: str


class ClientWarning(_Answer):
    """Something to know that was no reason to refuse."""

    code: str
    detail: str


class ClientTimings(_Answer):
    """Seconds that each part took."""

    queued_seconds: float | None = None
    load_seconds: float | None = None
    paint_seconds: float | None = None
    encode_seconds: float | None = None


class ClientJob(_Answer):
    """A job as the service tells it."""

    id: str
    operation: str
    status: str
    method: str
    model: str | None = None
    progress: ClientProgress | None = None
    outputs: tuple[ClientOutput, ...] = ()
    warnings: tuple[ClientWarning, ...] = ()
    timings: ClientTimings | None = None
    error: ClientFailure | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing can change the job any more."""
        return self.status in ("succeeded", "failed", "canceled")


class ClientPlan(_Answer):
    """What a request would become, as the service tells it; nothing of it was kept."""

    operation: str
    method: str
    model: str | None = None
    params: dict[str, Any]
    mask: dict[str, Any] | None = None
    geometry: dict[str, Any] | None = None
    warnings: tuple[ClientWarning, ...] = ()
    width: int
    height: int
    megapixels: float
    cost: float
