"""One job as the rules want it: no index, no Redis, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from service.contract.jobs import MAX_CRASHES, MAX_REQUEUES, JobSpec
from service.store import Idempotency


@dataclass
class ModelJob:
    """One job as the rules want it.

    Attributes:
        share: the upload whose blob it uses; empty if it uses none.
        has_upload: whether its upload entry stands, so that it may be submitted.
        has_blobs: whether the courier has left its pictures alone.
        order: its place among all jobs accepted.
        promised: a cancel was accepted; it may never succeed.
        released: what each claim that gave it back was told, while no later one did.
    """

    spec: JobSpec
    key: Idempotency | None = None
    share: str = ""
    has_upload: bool = False
    has_blobs: bool = False
    status: str = ""
    order: int = 0
    token: str = ""
    committed: str = ""
    released: tuple[str, str] = ("", "")
    painting: bool = False
    batch: int = 0
    solo: bool = False
    report: int = 0
    attempt: int = 0
    crashes: int = 0
    requeues: int = 0
    promised: bool = False
    late: bool = False
    start_late: bool = False
    lease_over: bool = False
    expired: bool = False
    deleted_by: str = ""

    @property
    def is_late(self) -> bool:
        """Return whether a deadline has passed that counts now."""
        return self.late or (self.start_late and self.attempt == 0)

    def holds(self, token: str) -> bool:
        """Return whether a claim holds the job."""
        return self.status == "running" and self.token == token

    def requeue(self, *, died: bool) -> str:
        """Take the job from its claim; gives what becomes of it."""
        self.lease_over = False
        alone = self.batch == 1
        counts = died and alone and self.painting
        if self.promised:
            self.status = "canceled"
        elif self.late or (counts and self._crash()) or self._requeue():
            self.status = "failed"
        else:
            self.status, self.token, self.painting = "queued", "", False
            self.solo = self.solo or (died and not alone)
        return self.status

    def wipe(self, by: str) -> None:
        """Forget the job."""
        self.status, self.deleted_by = "", by

    def _crash(self) -> bool:
        """Count a crash; gives whether it was one too many."""
        self.crashes += 1
        return self.crashes >= MAX_CRASHES

    def _requeue(self) -> bool:
        self.requeues += 1
        return self.requeues > MAX_REQUEUES
