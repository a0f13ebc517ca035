"""Settings of `paintjob up` itself, from the environment that its programs inherit."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from pydantic import Field

from service.config import ServiceSettings
from service.contract.settings import PREFIX, read_settings
from service.local.broker import DEFAULT_BROKER_BYTES

_SELF_MODEL = f"{PREFIX}SELF_MODEL"


def complete(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment, with settings added that depend on what is installed.

    The built-in model needs torch but no weights: with torch installed it is served, unless the
    environment disables it.
    """
    if environ.get(_SELF_MODEL):
        return dict(environ)
    return {**environ, _SELF_MODEL: "true" if find_spec("torch") else "false"}


class UpSettings(ServiceSettings):
    """The API's settings, the time that workers get to stop, and the broker's memory."""

    # The worker's own default, which this side may not import; a test compares.
    drain_seconds: float = Field(30.0, ge=0)
    broker_memory_bytes: int = Field(
        DEFAULT_BROKER_BYTES, ge=0, description="What the embedded broker may use; 0: no bound."
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> UpSettings:
        """Read the settings.

        Raises:
            ValueError: a value breaks its rule, or a `PAINTJOB_` name is unknown.
        """
        return read_settings(cls, environ)
