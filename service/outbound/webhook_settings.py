"""Settings of webhooks, shared by API, courier and command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from service.contract.settings import SharedSettings
from service.outbound.urls import OutboundPolicy


class WebhookSettings(SharedSettings):
    """The settings of webhooks and of URLs in documents."""

    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]*[^\s/?#])?$",
        description="The service's URL for callers; empty: URLs in responses are relative.",
    )
    webhook_allow_http: bool = False
    webhook_allow_private: bool = False
    webhook_timeout_seconds: float = Field(
        10.0, ge=0.1, le=60, description="Seconds that one try may take in total."
    )
    webhook_ca_file: Path | None = Field(
        None, description="PEM file of additional trusted certificates."
    )

    @property
    def webhook_policy(self) -> OutboundPolicy:
        """The targets that webhooks may have."""
        return OutboundPolicy(self.webhook_allow_http, self.webhook_allow_private)
