"""Settings of the courier, read once at the entry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from service.contract.settings import read_settings
from service.outbound.webhook_settings import WebhookSettings


class CourierSettings(WebhookSettings):
    """Settings of the courier, each from `PAINTJOB_` and the field's name in capitals."""

    courier_interval_seconds: float = Field(
        1.0,
        gt=0,
        le=2,
        description="Seconds between rounds; a longer pause would be taken for an outage.",
    )
    health_file: Path | None = Field(None, description="Touched before each round; empty: none.")
    webhook_retry_seconds: float = Field(
        5.0, gt=0, le=3600, description="Seconds until the second try; later waits grow threefold."
    )
    webhook_window_seconds: float = Field(
        86_400.0, ge=0, le=604_800, description="Seconds that a webhook is tried before it is dead."
    )
    webhook_threads: int = Field(32, ge=4, le=256, description="Webhooks sent at once.")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> CourierSettings:
        """Read the settings.

        Raises:
            ValueError: a value breaks its rule, or a `PAINTJOB_` name is unknown.
        """
        return read_settings(cls, environ)
