"""What keeps the records in order: presence of workers, the reaper, the wipe list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.contract.names import rq_prefix
from service.store.runner import ScriptRunner, milliseconds
from service.store.submissions import AGAIN_LEASES, TOMBSTONE_SECONDS
from service.store.verdicts import ERRORS

PRESENCE_LEASES = 3
PUT_OFF_SECONDS = 60


@dataclass(frozen=True)
class Presence:
    """A worker that is there.

    Attributes:
        state: `starting`, `idle`, `busy`, `draining` or `broken`.
        seen_at: when it last said so.
    """

    name: str
    queue: str
    methods: list[tuple[str, str]]
    models: list[str]
    state: str
    seen_at: datetime


@dataclass(frozen=True)
class ReapReport:
    """What one pass of the reaper did.

    Attributes:
        requeued: jobs that went back, by queue.
        ring: deliveries missing, by queue.
        ended: jobs that ended: late, canceled, crashed too often.
        expired: jobs that were wiped.
        held: whether expired leases were left alone, because nobody could renew for a while.
    """

    requeued: dict[str, int]
    ring: dict[str, int]
    ended: int
    expired: int
    held: bool


class Upkeep(ScriptRunner):
    """The records as those see them who look after them."""

    def announce(
        self,
        name: str,
        queue: str,
        *,
        methods: Sequence[tuple[str, str]],
        models: Sequence[str],
        state: str,
    ) -> None:
        """Tell that a worker is there, for three leases."""
        document = {
            "name": name,
            "queue": queue,
            "methods": list(methods),
            "models": list(models),
            "state": state,
        }
        self._run(
            "presence",
            name=name,
            queue=queue,
            document=document,
            ttl_ms=milliseconds(PRESENCE_LEASES * self.lease_seconds),
        )

    def leave(self, name: str, queue: str) -> None:
        """Tell that a worker is gone."""
        self._run("presence", name=name, queue=queue)

    def reap(self, *, min_gap_seconds: float = 0.3) -> ReapReport:
        """Do what is due: expired leases, deadlines, results; find missing deliveries.

        Args:
            min_gap_seconds: do nothing when anybody reaped less long ago.
        """
        report = json.loads(
            self._run(
                "reap",
                lease_ms=milliseconds(self.lease_seconds),
                min_gap_ms=milliseconds(min_gap_seconds),
                rq_prefix=rq_prefix(self.namespace),
                tombstone_ms=milliseconds(TOMBSTONE_SECONDS),
                again_ms=milliseconds(AGAIN_LEASES * self.lease_seconds),
                errors=ERRORS,
            )
        )
        # Lua's JSON writes an empty table as {}, which is what an empty mapping is.
        return ReapReport(**report)

    def take_wipes(self, limit: int = 100) -> list[str]:
        """Give the entries of the wipe list that are due; `wiped_job_id` tells whose they are."""
        return [member.decode() for member in self._run("take_wipes", limit=limit)]

    def end_wipe(self, member: str) -> None:
        """Take an entry off the wipe list once its blobs are deleted."""
        self._guarded(lambda: self.redis.zrem(self._key("wipe"), member))

    def put_off_wipe(self, member: str) -> None:
        """Move an entry of the wipe list back, when its blobs cannot be deleted now."""
        entry = {member: milliseconds(PUT_OFF_SECONDS)}
        self._guarded(lambda: self.redis.zadd(self._key("wipe"), entry, xx=True, incr=True))

    def workers(self) -> list[Presence]:
        """Give the workers that are there."""
        queues = self._guarded(lambda: self.redis.smembers(self._key("queues")))
        documents = [doc for queue in sorted(queues) for doc in self._read_queue(queue.decode())]
        return [_parse_presence(json.loads(document)) for document in documents]

    def _read_queue(self, queue: str) -> list[bytes]:
        """Give what the workers of a queue last said; one that has gone says nothing."""
        names = self._guarded(lambda: self.redis.zrange(self._key("workers", queue), 0, -1))
        if not names:
            return []
        keys = [self._key("worker", name.decode()) for name in names]
        return [document for document in self._guarded(lambda: self.redis.mget(keys)) if document]

    def check_ready(self) -> None:
        """Check that Redis answers."""
        self._guarded(self.redis.ping)


def wiped_job_id(member: str) -> str:
    """Give the job whose blobs an entry of the wipe list stands for."""
    return member.rpartition("#")[0]


def _parse_presence(document: dict[str, Any]) -> Presence:
    return Presence(
        name=document["name"],
        queue=document["queue"],
        methods=[(operation, method) for operation, method in document["methods"]],
        models=list(document["models"]),
        state=document["state"],
        seen_at=datetime.fromtimestamp(document["seen_at"] / 1000, tz=UTC),
    )
