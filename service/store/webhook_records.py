"""What the courier asks of the outbox, and callers of their deliveries."""

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
    """How a courier's threads are shared out, and who has how many of them now.

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
    """An event that this courier has in hand until its lease is over.

    Attributes:
        token: of the lease; what came of the try is written with it.
        subject_id: the job or the batch that it tells of.
        event_id: the webhook's id, the same in every try.
        failures: tries that failed since the event, or its redelivery, was put into the outbox.
        group: whose turns it takes.
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
        """Whose job or batch it is."""
        return self.fields["tenant"]

    @property
    def is_batch(self) -> bool:
        """Whether it tells of a batch."""
        return self.subject_id.startswith(BATCH_PREFIX)

    def read_batch(self) -> BatchRecord:
        """Give the batch's record."""
        return BatchRecord.from_hash(self.subject_id, self.fields)

    def read_record(self) -> JobRecord:
        """Give the job's record.

        Raises:
            pydantic.ValidationError: it is of a schema that this release does not know.
        """
        return JobRecord.from_hash(self.fields)


class Webhooks(StorePart):
    """The events that callers asked to be told of."""

    def take(self, take_id: str, shares: Shares, *, lease_seconds: float) -> list[TakenWebhook]:
        """Take what is due, one event a subject; the same ones again for the same `take_id`."""
        rows = self._scripts.run(
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
        return [_parse_taken(take_id, *row) for row in rows]

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
        """Write what came of a try; gives what the event is now.

        Args:
            taken: what was tried.
            seconds: how long it took.
            status: HTTP status of the receiver, if one came.
            error: why it was not delivered; `None` when it was.
            gives_up: whether it shall not be tried again.
            delay_seconds: when it is tried again.
            window_seconds: how long it is tried at all; the last try comes at its end.
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
        """Give the events of a job or a batch, oldest first; none of one that is not there."""
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
        """Have an event told again, the last one of its job or batch unless told which.

        Args:
            subject_id: the job or the batch.
            tenant: whose it must be.
            event_id: the webhook's id.
            redelivery_id: drawn by a caller that may have to repeat the call.

        Raises:
            NotFound, JobExpired: there is no such job or batch, or it was wiped.
            NoWebhook: nothing was to be told of it so far, or not this.
        """
        verdict = self._scripts.run(
            "redeliver",
            subject_id=subject_id,
            tenant=tenant,
            event_id=event_id,
            redelivery_id=redelivery_id or secrets.token_hex(8),
        ).decode()
        if verdict == "none":
            raise NoWebhook("nothing has been told of it so far, nor is anything to be")
        if verdict == "unknown":
            raise NoWebhook("it has no webhook of this id")
        if verdict == "missing" and subject_id.startswith(BATCH_PREFIX):
            raise NotFound("there is no such batch")
        if verdict != "ok":
            raise absence_of(verdict)


def _parse_taken(
    token: str, subject_id: bytes, event: bytes, flat: list[bytes], keys: list[bytes], group: bytes
) -> TakenWebhook:
    told: dict[str, Any] = json.loads(event)
    now = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
    frozen = json.loads(told["record"]) if told["record"] else None
    by_age = sorted((json.loads(key) for key in keys), key=lambda key: -key["created_at"])
    return TakenWebhook(
        token=token,
        subject_id=subject_id.decode(),
        event_id=told["id"],
        failures=told["failures"],
        group=group.decode(),
        fields=now if frozen is None else {"spec": now["spec"], **frozen},
        keys=tuple(key["secret"] for key in by_age),
    )
