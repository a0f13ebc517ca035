"""Settings that all processes take, and how settings are read.

They are frozen, read once from a mapping, and an unknown name is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.contract.names import DEFAULT_NAMESPACE

PREFIX = "PAINTJOB_"

BROKER_URL_FILE = "broker/url"
"""Where, under the data directory, the embedded broker leaves its URL while it runs."""


MODELS_FILE = "models.toml"
"""What the models file is called in the data directory."""


class SharedSettings(BaseModel):
    """What the API, the courier and the workers must be told alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    redis_url: str = Field("", description="Empty: the embedded broker under the data directory.")
    namespace: str = Field(DEFAULT_NAMESPACE, pattern=r"^\{[A-Za-z0-9_-]{1,64}\}$")
    data_dir: Path = Path("paintjob-data")
    blob_url: str = Field("", description="Empty: the folder `blobs` under the data directory.")
    models_file: Path | None = Field(
        None, description="Empty: `models.toml` in the data directory, if it is there."
    )
    self_model: bool = False
    allow_non_commercial: bool = False
    lease_seconds: float = Field(10.0, ge=0.5, le=600)
    max_image_pixels: int = Field(16_000_000, ge=64 * 64)
    max_canvas_pixels: int = Field(32_000_000, ge=64 * 64)
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    def resolved_blob_url(self) -> str:
        """Give the blob store's URL, the default filled in."""
        return self.blob_url or (self.data_dir.expanduser().absolute() / "blobs").as_uri()

    def own_models_file(self) -> Path:
        """Give where the models file is, or would be: the one set, else in the data directory."""
        return self.models_file or self.data_dir.expanduser().absolute() / MODELS_FILE

    def resolved_models_file(self) -> Path | None:
        """Give the models file: the one set, else that of the data directory, else none."""
        file = self.own_models_file()
        return file if self.models_file is not None or file.exists() else None

    def resolved_redis_url(self) -> str:
        """Give the broker's URL: the one set, else that of the running embedded broker.

        Raises:
            ValueError: there is neither.
        """
        if self.redis_url:
            return self.redis_url
        url_file = self.data_dir.expanduser().absolute() / BROKER_URL_FILE
        if url_file.exists():
            return url_file.read_text().strip()
        raise ValueError(
            f"{PREFIX}REDIS_URL is not set and no embedded broker runs in {self.data_dir}; "
            "`paintjob up` starts one"
        )


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def read_settings(model: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Read a settings model from the environment.

    Empty values count as absent, so that `NAME=` in an env file means the default.

    Raises:
        ValueError: a value breaks its rule, or a name under the prefix is unknown to every process.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value != ""
    }
    unknown = sorted(set(given) - set(model.model_fields) - ALL_FIELDS - CLIENT_FIELDS)
    if unknown:
        raise ValueError(f"unknown setting {PREFIX}{unknown[0].upper()}")
    return model.model_validate({k: v for k, v in given.items() if k in model.model_fields})


CLIENT_FIELDS = frozenset({"key"})
"""What clients read of the same environment: `PAINTJOB_KEY`, the API key that they send."""

ALL_FIELDS = frozenset(
    {
        "redis_url",
        "namespace",
        "data_dir",
        "blob_url",
        "models_file",
        "self_model",
        "allow_non_commercial",
        "lease_seconds",
        "max_image_pixels",
        "max_canvas_pixels",
        "log_level",
        "host",
        "port",
        "auth",
        "public_url",
        "queue_limit",
        "tenant_job_limit",
        "key_unfinished_jobs",
        "key_requests_per_minute",
        "key_megapixels_per_minute",
        "worker_absence_seconds",
        "broker_memory_share",
        "store_reserve_bytes",
        "broker_memory_bytes",
        "max_body_bytes",
        "max_batch_body_bytes",
        "max_part_bytes",
        "max_json_body_bytes",
        "image_url_hosts",
        "image_url_allow_http",
        "image_url_allow_private",
        "image_url_timeout_seconds",
        "image_url_ca_file",
        "http_workers",
        "http_threads",
        "client_silence_seconds",
        "queue",
        "worker_name",
        "drain_seconds",
        "load_hang_seconds",
        "step_hang_seconds",
        "abort_grace_seconds",
        "engines",
        "model_memory_bytes",
        "safety_check",
        "embed_recipe",
        "call_memory_bytes",
        "torch_threads",
        "digital_source_type",
        "c2pa_certificate",
        "c2pa_key",
        "courier_interval_seconds",
        "webhook_allow_http",
        "webhook_allow_private",
        "webhook_timeout_seconds",
        "webhook_retry_seconds",
        "webhook_window_seconds",
        "webhook_threads",
        "webhook_ca_file",
    }
)
"""Every setting of every process: one environment can serve all of them. A test compares."""
