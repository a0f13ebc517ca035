"""Batches in Redis: begin, close, read, forget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from service.contract.errors import IdempotencyConflict, NotFound
from service.contract.webhooks import BATCH_COMPLETED, webhook_group
from service.store.job_records import Idempotency, digest
from service.store.runner import StorePart, milliseconds
from service.store.stored import Stored, read_stored
from service.store.verdicts import refusal_of

KEPT_SECONDS = 9 * 86_400
"""Seconds until a batch that never ends is deleted: its jobs run for a day and live for a week."""

BatchState = Literal["accepting", "running", "ended"]
ItemKind = Literal["waiting", "refused", "job"]


@dataclass(frozen=True)
class BegunBatch:
    """A batch that was opened, or found by its idempotency key.

    Attributes:
        stored: what its tenant stores, this batch included.
    """

    batch_id: str
    replayed: bool
    stored: Stored


@dataclass(frozen=True)
class BatchRecord:
    """State of a batch.

    Attributes:
        state: `accepting` while its items come in, then `running`, then `ended`.
        counts: how many items were refused, succeeded, failed, were canceled, were deleted before
            they ended.
        webhook_url: receives a webhook when it has ended.
    """

    batch_id: str
    state: BatchState
    total: int
    counts: dict[str, int]
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None
    tags: list[str]
    webhook_url: str | None = None

    @classmethod
    def from_hash(cls, batch_id: str, fields: Mapping[str, str]) -> BatchRecord:
        """Read a batch as Redis has it."""
        state: BatchState = fields["state"]  # type: ignore[assignment]
        return cls(
            batch_id=batch_id,
            state=state,
            total=int(fields["total"]),
            counts={name: int(fields.get(name, 0)) for name in _COUNTED},
            created_at=_parse_time(fields["created_at"]),
            ended_at=_parse_time(fields["ended_at"]) if fields["ended_at"] else None,
            expires_at=_parse_time(fields["expires_at"]) if "expires_at" in fields else None,
            tags=json.loads(fields["tags"]),
            webhook_url=fields.get("webhook_url") or None,
        )

    @property
    def over(self) -> int:
        """Number of items that need no more work."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class BatchItem:
    """One item of a batch.

    Attributes:
        kind: whether it became a job, was refused, or has not been looked at.
        text: the job's id, or the problem document as JSON.
        status: the job's status; empty when it has been wiped.
    """

    index: int
    kind: ItemKind
    text: str
    status: str


class Batches(StorePart):
    """The records of batches, for the API."""

    def begin(
        self,
        batch_id: str,
        tenant: str,
        *,
        total: int,
        ttl_seconds: float,
        tags: Sequence[str] = (),
        idempotency: Idempotency | None = None,
        webhook_url: str | None = None,
        limit: int | None = None,
    ) -> BegunBatch:
        """Open a batch, or find the one that its idempotency key belongs to.

        Raises:
            TooMuchStored: the tenant has `limit` batches.
            IdempotencyConflict: the key was used with another batch.
            NotFound: the key's batch has been deleted.
        """
        verdict, found, stored = self._scripts.run(
            "begin_batch",
            batch_id=batch_id,
            tenant=tenant,
            batch_limit=limit,
            total=total,
            ttl_ms=milliseconds(ttl_seconds),
            kept_ms=milliseconds(KEPT_SECONDS),
            tags=json.dumps(list(tags)),
            idempotency_key=digest(idempotency.key) if idempotency else None,
            fingerprint=idempotency.fingerprint if idempotency else None,
            webhook_url=webhook_url or "",
            webhook_events=BATCH_COMPLETED if webhook_url else "",
            webhook_group=webhook_group(tenant, webhook_url) if webhook_url else "",
        )
        if verdict == b"conflict":
            raise IdempotencyConflict(
                "this Idempotency-Key was used with another batch; use a new key"
            )
        if verdict == b"gone":
            raise NotFound("the batch of this Idempotency-Key has been deleted; use a new key")
        if verdict == b"too_many_batches":
            raise refusal_of(verdict.decode())
        return BegunBatch(found.decode(), verdict == b"replayed", read_stored(stored))

    def close(
        self,
        batch_id: str,
        *,
        problems: Sequence[str] = (),
        runs: Sequence[tuple[int, int, int]] = (),
    ) -> None:
        """Note the refused items, and that no more items come.

        Args:
            batch_id: the batch.
            problems: the distinct problem documents, as JSON.
            runs: first and last index of refused items that follow each other, and the place of
                their problem.
        """
        self._scripts.run(
            "close_batch", batch_id=batch_id, problems=list(problems), runs=[*map(list, runs)]
        )

    def load(
        self, batch_id: str, tenant: str, *, first: int = 0, limit: int = 0
    ) -> tuple[BatchRecord, list[BatchItem]]:
        """Read a batch and, from the item `first` on, at most `limit` items.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        found = self._scripts.run(
            "view_batch", batch_id=batch_id, tenant=tenant, first=first, limit=limit
        )
        if found is None:
            raise NotFound("there is no such batch")
        flat, items = found
        return _parse_record(batch_id, flat), [_parse_item(*item) for item in items]

    def load_page(
        self, tenant: str, *, before: str | None = None, limit: int
    ) -> tuple[list[BatchRecord], str | None]:
        """Return a tenant's batches, newest first, and where the next page begins, if there is one.

        Args:
            tenant: the tenant.
            before: id of the last batch of the page before.
            limit: so many at most.
        """
        found = self._scripts.run("list_batches", tenant=tenant, before=before, limit=limit + 1)
        batches = [_parse_record(batch_id.decode(), flat) for batch_id, flat in found[:limit]]
        return batches, batches[-1].batch_id if len(found) > limit else None

    def mute(self, batch_id: str, tenant: str) -> None:
        """Stop the webhooks and the items of a batch that is about to be deleted."""
        self._scripts.run("mute_batch", batch_id=batch_id, tenant=tenant)

    def forget(self, batch_id: str, tenant: str) -> None:
        """Delete a batch, without its jobs."""
        self._scripts.run("forget_batch", batch_id=batch_id, tenant=tenant)


_COUNTED = ("refused", "succeeded", "failed", "canceled", "deleted")


def _parse_record(batch_id: str, flat: Sequence[bytes]) -> BatchRecord:
    fields = {
        name.decode(): text.decode() for name, text in zip(flat[::2], flat[1::2], strict=True)
    }
    return BatchRecord.from_hash(batch_id, fields)


def _parse_item(index: int, kind: bytes, text: bytes, status: bytes) -> BatchItem:
    name: ItemKind = kind.decode()  # type: ignore[assignment]
    return BatchItem(index, name, text.decode(), status.decode())


def _parse_time(milliseconds_since_1970: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds_since_1970) / 1000, tz=UTC)
