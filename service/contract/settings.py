"""Settings that all processes take, and how settings are read.

They are frozen, read once from a mapping, and an unknown name is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.contract.names import DEFAULT_NAMESPACE

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

CLIENT_FIELDS = frozenset({"key"})
"""Names that clients read from the same environment: `PAINTJOB_KEY`, the API key they send."""


class SharedSettings(BaseModel):
    """Settings that the API, the courier and the workers must share."""

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
    others = set(given) - set(model.model_fields) - CLIENT_FIELDS
    unknown = sorted(others - find_known_fields()) if others else []
    if unknown:
        raise ValueError(f"{PREFIX}{unknown[0].upper()} is no setting of any process")
    return model.model_validate({k: v for k, v in given.items() if k in model.model_fields})


@cache
def find_known_fields() -> frozenset[str]:
    """Return the names of all settings of all processes: one environment can serve all of them."""
    return frozenset(name for path in SETTINGS_MODELS for name in _import_model(path).model_fields)


def _import_model(path: str) -> type[BaseModel]:
    module, _, name = path.partition(":")
    model: type[BaseModel] = getattr(import_module(module), name)
    return model
