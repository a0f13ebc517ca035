"""The service's responses, with the fields that the client uses."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    """Part of a response; fields may be added at any time, and the client ignores unknown ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ClientProof(_Answer):
    """The proof of an output; see `service.contract.jobs.Proof`."""

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
    """The progress of a running job; `fraction` is in 0..1."""

    stage: str
    fraction: float


class ClientFailure(_Answer):
    """The error of a failed job."""

    code: str
    title: str
    detail: str


class ClientWarning(_Answer):
    """A warning about an accepted request."""

    code: str
    detail: str


class ClientTimings(_Answer):
    """Seconds of each stage."""

    queued_seconds: float | None = None
    load_seconds: float | None = None
    paint_seconds: float | None = None
    encode_seconds: float | None = None


class ClientJob(_Answer):
    """A job as the service describes it."""

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
        """True if the job has reached a final state."""
        return self.status in ("succeeded", "failed", "canceled")


class ClientPlan(_Answer):
    """The job that a request would become, as the service describes it; nothing was stored."""

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
