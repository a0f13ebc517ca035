"""Settings of webhooks that API, courier and command line must be told alike."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from service.contract.settings import SharedSettings
from service.outbound.urls import OutboundPolicy


class WebhookSettings(SharedSettings):
    """What whoever accepts, describes or tells of jobs must know."""

    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]*[^\s/?#])?$",
        description="Where callers reach the service; empty: URLs in answers are relative.",
    )
    webhook_allow_http: bool = False
    webhook_allow_private: bool = False
    webhook_timeout_seconds: float = Field(
        10.0, ge=0.1, le=60, description="Seconds that one try may take, all in all."
    )
    webhook_ca_file: Path | None = Field(
        None, description="PEM file of certificates that are trusted besides the public ones."
    )

    @property
    def webhook_policy(self) -> OutboundPolicy:
        """Where webhooks may go."""
        return OutboundPolicy(self.webhook_allow_http, self.webhook_allow_private)
