"""Webhooks, for both sides of the outbox: groups of receivers, and deliveries.

Source: https://www.standardwebhooks.com
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from service.contract.params import WebhookEvent
from service.contract.times import Timestamp

GROUPS_OF_TENANT = 32
"""Groups that a tenant's hosts fall into. Bounded: more hosts get no more threads."""

BATCH_COMPLETED: Literal["batch.completed"] = "batch.completed"

DeliveryState = Literal["pending", "delivered", "dead"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DeliveryTry(_Frozen):
    """One try to deliver a webhook. Of the receiver's answer nothing is kept but its status."""

    at: Timestamp
    seconds: float = Field(description="How long it took.")
    status: int | None = Field(description="HTTP status of the receiver; null if none came.")
    error: str | None = Field(
        description="`refused` (a status other than 2xx), `gone` (410), `redirected`, `timeout`, "
        "`unreachable`, `unresolvable`, `address_refused`, `tls_failed`, `invalid_answer`, "
        "`no_signing_key`, `url_refused` or `internal`; null when it was delivered."
    )


class Delivery(_Frozen):
    """One event of a job or a batch, and its deliveries."""

    id: str = Field(description="The `webhook-id` that every try of this event has.")
    event: Literal[WebhookEvent, "batch.completed"]
    state: DeliveryState = Field(description="`dead`: given up; it is tried again only on request.")
    created_at: Timestamp
    next_try_at: Timestamp | None = Field(description="Null unless pending.")
    tries: int
    attempts: list[DeliveryTry] = Field(description="The last ten tries.")

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Delivery:
        """Read an event as the scripts keep it."""
        # Lua's JSON writes an empty list as {}.
        log = event["log"] or []
        tries = [
            DeliveryTry(
                at=_parse_time(line["at"]),
                seconds=line["seconds"],
                status=line["status"],
                error=line["error"],
            )
            for line in log
        ]
        return cls(
            id=event["id"],
            event=event["event"],
            state=event["state"],
            created_at=_parse_time(event["at"]),
            next_try_at=_parse_time(event["due"]) if event["state"] == "pending" else None,
            tries=event["tries"],
            attempts=tries,
        )


def webhook_group(tenant: str, url: str) -> str:
    """Return the group whose webhooks take turns: those of one tenant to one host.

    Hosts are distinguished by a hash with few values: some share a group, and its turns. The URL
    was checked when the job was accepted.
    """
    digest = hashlib.sha256((urlsplit(url).hostname or "").encode()).digest()
    return f"{tenant}:{digest[0] % GROUPS_OF_TENANT}"


def _parse_time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
