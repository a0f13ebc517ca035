"""Settings that all processes take, and how settings are read.

They are frozen, read once from a mapping, and an unknown name is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from service.contract.names import DEFAULT_NAMESPACE
from service.contract.setting_errors import SettingsError, describe_faults, is_service_link

PREFIX = "PAINTJOB_"

BROKER_URL_FILE = "broker/url"
"""Where, under the data directory, the embedded broker leaves its URL while it runs."""


MODELS_FILE = "models.toml"
"""Name of the models file in the data directory."""


SETTINGS_MODELS = (
    "service.config:ServiceSettings",
    "service.courier.config:CourierSettings",
    "service.local.settings:UpSettings",
    "worker.config:WorkerSettings",
)
"""The settings model of each process, named by a string: this module imports none of them.

They are imported only where an environment has a name that is not the process's own.
"""

BROKER_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
BLOB_SCHEMES = ("file", "s3", "gs", "az", "memory")

CLIENT_FIELDS = frozenset({"key"})
"""Names that clients read from the same environment: `PAINTJOB_KEY`, the API key they send."""


class SharedSettings(BaseModel):
    """Settings that the API, the courier and the workers must share."""

    # Of `inf` seconds no whole number of milliseconds can be made.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    redis_url: str = Field("", description="Empty: the embedded broker under the data directory.")
    namespace: str = Field(DEFAULT_NAMESPACE, pattern=r"^\{[A-Za-z0-9_-]{1,64}\}$")
    data_dir: Path = Path("paintjob-data")
    blob_url: str = Field("", description="Empty: the folder `blobs` under the data directory.")
    models_file: Path | None = Field(
        None, description="Empty: `models.toml` in the data directory, if it is there."
    )
    self_model: bool = False
    text_finder: bool = False
    allow_non_commercial: bool = False
    lease_seconds: float = Field(10.0, ge=0.5, le=600)
    max_image_pixels: int = Field(16_000_000, ge=64 * 64)
    max_canvas_pixels: int = Field(32_000_000, ge=64 * 64)
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    otlp_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="Receiver of traces by OTLP over HTTP; empty: none are exported.",
    )
    trace_share: float = Field(
        0.1, ge=0, le=1, description="Share of the traces that begin here which are exported."
    )
    sentry_dsn: str = Field("", description="Address that errors are sent to; empty: none.")
    metrics_host: str = Field("127.0.0.1", min_length=1)
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Port of the process's metrics; 0: a free one, which is logged; empty: none.",
    )

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        scheme, host = _split_url(value)
        if value and (scheme not in BROKER_SCHEMES or not (host or scheme == "unix")):
            raise ValueError(
                "must be redis://, rediss:// or redis+sentinel:// with a host, or unix:///path"
            )
        return value

    @field_validator("blob_url")
    @classmethod
    def _check_blob_url(cls, value: str) -> str:
        scheme, host = _split_url(value)
        if value.startswith("/"):
            raise ValueError(f"must be a URL; for a folder write file://{value}")
        if value and scheme not in BLOB_SCHEMES:
            raise ValueError("must begin with file:///, s3://, gs://, az:// or memory://")
        if (scheme == "file" and host) or (scheme in ("s3", "gs", "az") and not host):
            raise ValueError("must be file:///folder, with three slashes, or s3://bucket/prefix")
        return value

    def resolved_blob_url(self) -> str:
        """Return the blob store's URL, the default filled in."""
        return self.blob_url or (self.data_dir.expanduser().absolute() / "blobs").as_uri()

    def own_models_file(self) -> Path:
        """Return where the models file is or would be: the one set, else in the data directory."""
        return self.models_file or self.data_dir.expanduser().absolute() / MODELS_FILE

    def resolved_models_file(self) -> Path | None:
        """Return the models file: the one set, else that of the data directory, else none."""
        file = self.own_models_file()
        return file if self.models_file is not None or file.exists() else None

    def resolved_redis_url(self) -> str:
        """Return the broker's URL: the one set, else that of the running embedded broker.

        Raises:
            ValueError: there is neither.
        """
        if self.redis_url:
            return self.redis_url
        data_dir = self.data_dir.expanduser().absolute()
        url_file = data_dir / BROKER_URL_FILE
        if url_file.exists():
            return url_file.read_text().strip()
        raise SettingsError(
            f"{PREFIX}REDIS_URL is not set and no embedded broker runs in {data_dir}; "
            f"`paintjob up` starts one. If it runs in another folder, call this from there, or set "
            f"{PREFIX}DATA_DIR to the folder of data that it named when it started"
        )


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def read_settings(model: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Read a settings model from the environment.

    Empty values count as absent, so that `NAME=` in an env file means the default. So do the
    variables that Kubernetes sets for a Service called `paintjob`.

    Raises:
        SettingsError: a value breaks its rule, or a name under the prefix is unknown to every
            process.
    """
    given = find_given(environ)
    others = set(given) - set(model.model_fields) - CLIENT_FIELDS
    unknown = sorted(others - find_known_fields()) if others else []
    if unknown:
        lines = (f"{PREFIX}{name.upper()} is no setting of any process" for name in unknown)
        raise SettingsError(*lines)
    try:
        return model.model_validate({k: v for k, v in given.items() if k in model.model_fields})
    except ValidationError as error:
        raise describe_faults(error, PREFIX, given) from None


def find_given(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values that an environment sets, by the names of fields."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value != "" and not is_service_link(name, value)
    }


@cache
def find_known_fields() -> frozenset[str]:
    """Return the names of all settings of all processes: one environment can serve all of them."""
    return frozenset(name for path in SETTINGS_MODELS for name in import_model(path).model_fields)


def import_model(path: str) -> type[BaseModel]:
    """Return a settings model by its entry in `SETTINGS_MODELS`."""
    module, _, name = path.partition(":")
    model: type[BaseModel] = getattr(import_module(module), name)
    return model


def _split_url(value: str) -> tuple[str, str]:
    """Return scheme and host of a URL.

    Raises:
        ValueError: it cannot be read as one.
    """
    parts = urlsplit(value)
    try:
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        if "," not in parts.netloc:
            raise ValueError("has a port that is not a number up to 65535") from None
    return parts.scheme, parts.netloc


def describe_port_fault(settings: SharedSettings, error: OSError) -> SettingsError:
    """Return the error of a port for metrics that cannot be opened."""
    place = f"{PREFIX}METRICS_PORT={settings.metrics_port} on {settings.metrics_host}"
    return SettingsError(f"{place}: {error.strerror or error}")
