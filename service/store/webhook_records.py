"""The outbox of webhooks, for the courier, and the deliveries, for callers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from service.contract.errors import NotFound, NoWebhook
from service.contract.jobs import JobRecord
from service.contract.names import BATCH_PREFIX
from service.contract.webhooks import Delivery
from service.store.batches import BatchRecord
from service.store.runner import StorePart, milliseconds
from service.store.verdicts import absence_of

EndVerdict = Literal["delivered", "pending", "dead", "stale", "gone"]


@dataclass(frozen=True)
class Shares:
    """Shares of a courier's threads, and how many are in use now.

    Attributes:
        limit: how many may be taken now.
        per_group: threads that one tenant's receivers on one host may have at once.
        per_tenant: threads that one tenant may have at once.
        groups: threads that each group has.
        tenants: threads that each tenant has.
        slow: groups that get one thread until they answer again.
    """

    limit: int
    per_group: int
    per_tenant: int
    groups: Mapping[str, int]
    tenants: Mapping[str, int]
    slow: Collection[str] = ()


@dataclass(frozen=True)
class TakenWebhook:
    """An event that this courier holds until its lease ends.

    Attributes:
        token: of the lease; the result of the delivery is written with it.
        subject_id: the job or the batch of the event.
        event_id: the webhook's id, the same in every try.
        failures: tries that failed since the event, or its redelivery, was put into the outbox.
        group: tenant and hosts that share threads.
        fields: the subject's record as it was at the event, as Redis has it.
        keys: the tenant's signing keys, newest first.
    """

    token: str
    subject_id: str
    event_id: str
    failures: int
    group: str
    fields: Mapping[str, str]
    keys: tuple[str, ...]

    @property
    def tenant(self) -> str:
        """The tenant of the job or batch."""
        return self.fields["tenant"]

    @property
    def is_batch(self) -> bool:
        """True for an event of a batch."""
        return self.subject_id.startswith(BATCH_PREFIX)

    def read_batch(self) -> BatchRecord:
        """Return the batch's record."""
        return BatchRecord.from_hash(self.subject_id, self.fields)

    def read_record(self) -> JobRecord:
        """Return the job's record.

        Raises:
            pydantic.ValidationError: it is of a schema that this release does not know.
        """
        return JobRecord.from_hash(self.fields)


class Webhooks(StorePart):
    """The webhooks that callers asked for."""

    def take(self, take_id: str, shares: Shares, *, lease_seconds: float) -> list[TakenWebhook]:
        """Take what is due, one event a subject; the same ones again for the same `take_id`."""
        entries = self._scripts.run(
            "take_webhooks",
            take_id=take_id,
            limit=shares.limit,
            per_group=shares.per_group,
            per_tenant=shares.per_tenant,
            groups=dict(shares.groups),
            tenants=dict(shares.tenants),
            slow=dict.fromkeys(shares.slow, True),
            lease_ms=milliseconds(lease_seconds),
        )
        return [_parse_taken(take_id, *entry) for entry in entries]

    def end(
        self,
        taken: TakenWebhook,
        *,
        seconds: float,
        status: int | None,
        error: str | None,
        gives_up: bool,
        delay_seconds: float,
        window_seconds: float,
    ) -> EndVerdict:
        """Write the result of a delivery; return the new state of the event.

        Args:
            taken: the event.
            seconds: duration of the delivery.
            status: HTTP status of the receiver, if one came.
            error: the reason of a failure; `None` when it was delivered.
            gives_up: True to make no further try.
            delay_seconds: seconds until the next try.
            window_seconds: seconds for which it is tried; the last try comes at their end.
        """
        verdict: EndVerdict = self._scripts.run(
            "end_webhook",
            subject_id=taken.subject_id,
            event_id=taken.event_id,
            token=taken.token,
            seconds=round(seconds, 3),
            status=status,
            error=error,
            gives_up=gives_up,
            delay_ms=milliseconds(delay_seconds),
            window_ms=milliseconds(window_seconds),
        ).decode()
        return verdict

    def load_deliveries(self, subject_id: str) -> list[Delivery]:
        """Return the events of a job or a batch, oldest first; none if it does not exist."""
        text = self._scripts.guard(
            lambda: self._scripts.redis.get(self._scripts.key("webhooks", subject_id))
        )
        if text is None:
            return []
        return [Delivery.from_event(event) for event in json.loads(text)["events"]]

    def redeliver(
        self,
        subject_id: str,
        tenant: str,
        event_id: str | None = None,
        *,
        redelivery_id: str | None = None,
    ) -> None:
        """Have an event delivered again: the one given, or the last of its job or batch.

        Args:
            subject_id: the job or the batch.
            tenant: whose it must be.
            event_id: the webhook's id.
            redelivery_id: drawn by a caller that may have to repeat the call.

        Raises:
            NotFound, JobExpired: there is no such job or batch, or it was wiped.
            NoWebhook: it has no webhook so far, or not this one.
        """
        verdict = self._scripts.run(
            "redeliver",
            subject_id=subject_id,
            tenant=tenant,
            event_id=event_id,
            redelivery_id=redelivery_id or secrets.token_hex(8),
        ).decode()
        if verdict == "none":
            raise NoWebhook(
                "it has no webhook so far: set webhook_url and webhook_events when you submit"
            )
        if verdict == "unknown":
            raise NoWebhook("it has no webhook of this id; GET …/deliveries lists those it has")
        if verdict == "missing" and subject_id.startswith(BATCH_PREFIX):
            raise NotFound("there is no such batch")
        if verdict != "ok":
            raise absence_of(verdict)


def _parse_taken(
    token: str, subject_id: bytes, event: bytes, flat: list[bytes], keys: list[bytes], group: bytes
) -> TakenWebhook:
    document: dict[str, Any] = json.loads(event)
    now = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
    frozen = json.loads(document["record"]) if document["record"] else None
    by_age = sorted((json.loads(key) for key in keys), key=lambda key: -key["created_at"])
    return TakenWebhook(
        token=token,
        subject_id=subject_id.decode(),
        event_id=document["id"],
        failures=document["failures"],
        group=group.decode(),
        fields=now if frozen is None else {"spec": now["spec"], **frozen},
        keys=tuple(key["secret"] for key in by_age),
    )
