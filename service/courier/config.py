"""Settings of the courier, read once at the entry."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from service.contract.settings import SharedSettings, read_settings


class CourierSettings(SharedSettings):
    """What the courier can be told, each from `PAINTJOB_` and the field's name in capitals."""

    courier_interval_seconds: float = Field(
        1.0,
        gt=0,
        le=2,
        description="Seconds between rounds; a longer rest would be taken for an outage.",
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> CourierSettings:
        """Read the settings.

        Raises:
            ValueError: a value breaks its rule, or a `PAINTJOB_` name is unknown.
        """
        return read_settings(cls, environ)
