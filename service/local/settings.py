"""Settings of `paintjob up` itself, from the environment that its programs inherit."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from pydantic import Field

from service.config import ServiceSettings
from service.contract.settings import PREFIX, read_settings
from service.local.broker import DEFAULT_BROKER_BYTES

_PACKAGES = {f"{PREFIX}SELF_MODEL": "torch", f"{PREFIX}TEXT_FINDER": "rapidocr"}
"""Settings that are on where a package is installed."""


def complete(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment, with settings added that depend on what is installed.

    The built-in model needs torch but no weights, and the finder of text brings its own: where they
    are installed they are served, unless the environment disables them.
    """
    found = {name: "true" if find_spec(package) else "false" for name, package in _PACKAGES.items()}
    return {**environ, **{name: found[name] for name in found if not environ.get(name)}}


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
