"""Settings of a worker, read once at the entry."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from service.contract.names import CPU_QUEUE
from service.contract.setting_errors import SettingsError
from service.contract.settings import PREFIX, SharedSettings, read_settings

WEIGHT_FREE_MEMORY_BYTES = 8 * 1024**3
"""The largest canvas at the best quality takes less than half of it."""


class WorkerSettings(SharedSettings):
    """Settings of a worker, each from `PAINTJOB_` and the field's name in capitals."""

    queue: str = Field(CPU_QUEUE, pattern=r"^(paint-cpu|paint-gpu:[a-z0-9][a-z0-9_-]{0,63})$")
    worker_name: str = Field("", description="Empty: host name and process id.")
    health_file: Path | None = Field(
        None, description="Touched every second while the worker's loop runs; empty: none."
    )
    drain_seconds: float = Field(30.0, ge=0)
    load_hang_seconds: float = Field(600.0, gt=0)
    step_hang_seconds: float = Field(120.0, gt=0)
    max_painting_seconds: float = Field(
        900.0, gt=0, description="A job that is painted for longer fails; the operator's limit."
    )
    abort_grace_seconds: float = Field(2.0, ge=0)
    engines: str = Field("worker.engines.registry:build_engines", pattern=r"^[\w.]+:\w+$")
    model_memory_bytes: int = Field(0, ge=0, description="0: all models of the queue stay loaded.")
    safety_check: str = Field("", pattern=r"^([\w.]+:\w+)?$", description="Empty: none.")
    embed_recipe: bool = True
    call_memory_bytes: int = Field(0, ge=0, description="0: what is free.")
    digital_source_type: bool = Field(
        True, description="Whether XMP names the digital source type of results."
    )
    c2pa_certificate: Path | None = Field(
        None,
        description="Certificate chain in PEM that signs results; empty: unsigned.",
    )
    c2pa_key: Path | None = Field(None, description="Private key of the certificate, in PEM.")
    child_memory_bytes: int | None = Field(
        None,
        ge=256 * 1024 * 1024,
        description="Memory that the painting process may take; empty: 8 GiB for the weight-free "
        "methods, no limit for models.",
    )
    torch_threads: int = Field(0, ge=0, description="0: leave it to torch.")

    @model_validator(mode="after")
    def _has_a_whole_identity(self) -> Self:
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise ValueError(
                "PAINTJOB_C2PA_CERTIFICATE and PAINTJOB_C2PA_KEY go together: set both, or neither"
            )
        return self

    def find_child_memory_limit(self) -> int | None:
        """Return how many bytes the painting process may take, or None for no limit."""
        if self.child_memory_bytes is not None:
            return self.child_memory_bytes
        # Drivers of accelerators map far more than they use.
        return WEIGHT_FREE_MEMORY_BYTES if self.queue == CPU_QUEUE else None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> WorkerSettings:
        """Read the settings.

        Raises:
            ValueError: a value breaks its rule, or a `PAINTJOB_` name is unknown.
        """
        return read_settings(cls, environ)


def load_function(setting: str, name: str) -> Any:
    """Import the function that a setting names as `module:function`.

    Raises:
        SettingsError: there is no such function.
    """
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{PREFIX}{setting}={name}: {error}") from error
