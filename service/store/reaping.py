"""The reaper, and the list of blobs to wipe."""

from __future__ import annotations

import json
from dataclasses import dataclass

from service.contract.names import claim_prefix, job_prefix, rq_prefix
from service.store.job_records import TOMBSTONE_SECONDS
from service.store.runner import StorePart, milliseconds
from service.store.verdicts import ERRORS

PUT_OFF_SECONDS = 60


@dataclass(frozen=True)
class ReapReport:
    """Result of one pass of the reaper.

    Attributes:
        requeued: jobs that went back, by queue.
        missing: wake-ups missing, by queue.
        ended: jobs that ended: late, canceled, crashed too often.
        expired: jobs that were wiped.
        held: True when expired leases were left alone, because no worker could renew for a while.
    """

    requeued: dict[str, int]
    missing: dict[str, int]
    ended: int
    expired: int
    held: bool


class Reaper(StorePart):
    """Frees what dead workers held, ends what is late, expires what is old."""

    def reap(self, *, min_gap_seconds: float = 0.3) -> ReapReport:
        """Do what is due: expired leases, deadlines, results; find missing wake-ups.

        Args:
            min_gap_seconds: do nothing when anybody reaped less long ago.
        """
        report = json.loads(
            self._scripts.run(
                "reap",
                lease_ms=milliseconds(self._scripts.lease_seconds),
                min_gap_ms=milliseconds(min_gap_seconds),
                rq_prefix=rq_prefix(self._scripts.namespace),
                tombstone_ms=milliseconds(TOMBSTONE_SECONDS),
                again_ms=self._scripts.again_ms,
                errors=ERRORS,
            )
        )
        # Lua's JSON writes an empty table as {}, which is what an empty mapping is.
        return ReapReport(**report)


class Wipes(StorePart):
    """The list of jobs, uploads and lost claims whose blobs are to be deleted."""

    def take(self, limit: int = 100) -> list[str]:
        """Return the entries of the wipe list that are due; `wiped_prefix` names their blobs."""
        return [member.decode() for member in self._scripts.run("take_wipes", limit=limit)]

    def end(self, member: str) -> None:
        """Take an entry off the wipe list once its blobs are deleted."""
        self._scripts.guard(lambda: self._scripts.redis.zrem(self._scripts.key("wipe"), member))

    def put_off(self, member: str) -> None:
        """Move an entry of the wipe list back, when its blobs cannot be deleted now."""
        entry = {member: milliseconds(PUT_OFF_SECONDS)}
        self._scripts.guard(
            lambda: self._scripts.redis.zadd(self._scripts.key("wipe"), entry, xx=True, incr=True)
        )


def wiped_prefix(member: str) -> str:
    """Return the blob prefix of an entry of the wipe list: of a job, or of one claim of it."""
    job_id, _, token = member.rpartition("#")[0].partition("/")
    return claim_prefix(job_id, token) if token else job_prefix(job_id)
