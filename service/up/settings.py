"""What `paintjob up` itself must know of the environment that it hands on."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from service.config import ServiceSettings
from service.contract.settings import read_settings


class UpSettings(ServiceSettings):
    """The API's settings, and the one of the workers that says how long they may take to stop."""

    # The worker's own default, which this side may not import; a test compares.
    drain_seconds: float = Field(30.0, ge=0)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> UpSettings:
        """Read the settings.

        Raises:
            ValueError: a value breaks its rule, or a `PAINTJOB_` name is unknown.
        """
        return read_settings(cls, environ)
