"""Decides whether another job may come in: broker memory, space for pictures, queues, workers.

Each process measures about once a second, so that requests pay nothing for it. Jobs are refused
before the space is used up: accepted ones run and commit in the rest.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.config import ServiceSettings
from service.contract.errors import (
    BrokerFull,
    NoWorker,
    QueueFull,
    Refused,
    StoreUnavailable,
)
from service.store import BrokerMemory, JobStore, QueueState
from service.store.blobs import BlobStore

LOOK_SECONDS = 1.0
PROBE_SECONDS = 5.0
"""A blob is written as a trial so often at most."""

FULL_RETRY_SECONDS = 30
"""Space is freed as jobs end and expire, which takes a while."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Room:
    """Free space for jobs.

    Attributes:
        memory: of the broker.
        store_free_bytes: free space of the blob store; `None` if it has no bound.
    """

    memory: BrokerMemory
    store_free_bytes: int | None


class Admission:
    """Decides whether a job may come in.

    Args:
        settings: the bounds.
        store: the job records.
        blobs: the pictures.
    """

    def __init__(self, settings: ServiceSettings, store: JobStore, blobs: BlobStore) -> None:
        self._settings = settings
        self._store = store
        self._room = _Kept(lambda: Room(store.queues.load_memory(), blobs.free_bytes()))
        self._writable = _Kept(blobs.check_writable, PROBE_SECONDS)
        self._queues: dict[str, _Kept[QueueState]] = {}

    def look(self) -> Room:
        """Return the free space, at most a second old.

        Raises:
            BrokerUnavailable, StoreUnavailable: broker or store does not answer.
        """
        return self._room.get()

    def look_at(self, queue: str) -> QueueState:
        """Return the state of a queue, at most a second old.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        state = self._queues.setdefault(queue, _Kept(lambda: self._store.queues.load_state(queue)))
        return state.get()

    def find_refusal(self) -> Refused | None:
        """Return why no job of any queue may come in now; `None` if one may.

        Raises:
            BrokerUnavailable, StoreUnavailable: broker or store does not answer.
        """
        room, settings = self.look(), self._settings
        share = room.memory.share
        if share is not None and share >= settings.broker_memory_share:
            detail = f"the broker's memory is {share:.0%} full; try again, jobs are accepted below "
            detail += f"{settings.broker_memory_share:.0%}"
            return BrokerFull(detail, retry_after_seconds=FULL_RETRY_SECONDS)
        free = room.store_free_bytes
        if free is not None and free < settings.store_reserve_bytes:
            detail = f"less than {settings.store_reserve_bytes} bytes are free; try again later"
            return StoreUnavailable(detail, retry_after_seconds=FULL_RETRY_SECONDS)
        return None

    def find_queue_refusal(self, queue: str) -> Refused | None:
        """Return why no job may come into a queue now; `None` if one may.

        The queue is checked again when the job is stored.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        state, settings = self.look_at(queue), self._settings
        if self._is_absent(state):
            detail = "no worker for this method is online; try again later"
            return NoWorker(detail, retry_after_seconds=60)
        if state.waiting >= settings.queue_limit:
            detail = f"the queue is full: {state.waiting} jobs wait; try again later"
            return QueueFull(detail, retry_after_seconds=state.slot_seconds())
        return None

    def is_served(self, queue: str) -> bool:
        """Return whether a queue has workers, or had them until lately, or never needed any.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        return not self._is_absent(self.look_at(queue))

    def _is_absent(self, state: QueueState) -> bool:
        bound = self._settings.worker_absence_seconds
        return bool(bound) and state.absent_seconds is not None and state.absent_seconds > bound

    def check_ready(self, queues: Iterable[str]) -> None:
        """Check that not every job would be refused.

        A full queue does not count: it empties by itself, and the API tells callers when to retry.

        Args:
            queues: all queues of the deployment.

        Raises:
            PaintjobError: why every job would be refused.
        """
        self.check()
        self._writable.get()
        refusals = [self.find_queue_refusal(queue) for queue in queues]
        absent = [refusal for refusal in refusals if isinstance(refusal, NoWorker)]
        if absent and len(absent) == len(refusals):
            raise absent[0]

    def check(self) -> None:
        """Check that a job may come in, whatever its queue.

        Raises:
            BrokerFull: the broker's memory is nearly used up.
            StoreUnavailable: the space for pictures is nearly used up, or the store does not
                answer.
            BrokerUnavailable: Redis does not answer.
        """
        refusal = self.find_refusal()
        if refusal is not None:
            raise refusal

    def check_queue(self, queue: str) -> None:
        """Check that a job may come into a queue.

        Raises:
            QueueFull, NoWorker: it may not.
            BrokerUnavailable: Redis does not answer.
        """
        refusal = self.find_queue_refusal(queue)
        if refusal is not None:
            raise refusal


class _Kept(Generic[Value]):
    """A value that is looked up again when it is too old, by one thread at a time.

    An error is raised for every thread that waited for the look-up: else each would try in turn,
    as long as the broker's socket waits. Later calls look it up again.
    """

    def __init__(self, look_up: Callable[[], Value], seconds: float = LOOK_SECONDS) -> None:
        self._look_up = look_up
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, Value | Refused] | None = None

    def get(self) -> Value:
        kept = self._kept
        if kept is None or time.monotonic() - kept[0] > self._seconds:
            with self._lock:
                if self._kept is kept:
                    self._kept = self._look()
                kept = self._kept
        if kept is None:
            raise AssertionError("the value was looked up above")
        found = kept[1]
        if isinstance(found, Refused):
            # Without its traceback: each raise would make it longer.
            raise found.with_traceback(None)
        return found

    def _look(self) -> tuple[float, Value | Refused]:
        began = time.monotonic()
        try:
            return began, self._look_up()
        except Refused as error:
            return -math.inf, error
