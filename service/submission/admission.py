"""Whether there is room for another job: broker memory, space for pictures, queues, workers.

Looked at about once a second by each process, so that it costs a request nothing. The gate closes
before the room is used up: what was accepted runs on, and commits, out of the rest.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
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
FULL_RETRY_SECONDS = 30
"""Room comes back as jobs end and expire, which takes a while."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Room:
    """How much room there is.

    Attributes:
        memory: the broker's.
        store_free_bytes: what is free where the pictures lie; `None` if that has no bound.
    """

    memory: BrokerMemory
    store_free_bytes: int | None


class Gate:
    """Says whether a job may come in.

    Args:
        settings: the bounds.
        store: the job records.
        blobs: the pictures.
    """

    def __init__(self, settings: ServiceSettings, store: JobStore, blobs: BlobStore) -> None:
        self._settings = settings
        self._store = store
        self._room = _Kept(lambda: Room(store.queues.load_memory(), blobs.free_bytes()))
        self._queues: dict[str, _Kept[QueueState]] = {}

    def look(self) -> Room:
        """Give how much room there is, as it was within the last second.

        Raises:
            BrokerUnavailable, StoreUnavailable: one of them does not answer.
        """
        return self._room.get()

    def look_at(self, queue: str) -> QueueState:
        """Give how a queue stands, as it was within the last second.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        state = self._queues.setdefault(queue, _Kept(lambda: self._store.queues.load_state(queue)))
        return state.get()

    def find_refusal(self) -> Refused | None:
        """Give why no job may come in now, whatever its queue.

        Raises:
            BrokerUnavailable, StoreUnavailable: one of them does not answer.
        """
        room, settings = self.look(), self._settings
        share = room.memory.share
        if share is not None and share >= settings.broker_memory_share:
            detail = f"the broker's memory is {share:.0%} full; jobs are taken again below "
            detail += f"{settings.broker_memory_share:.0%}"
            return BrokerFull(detail, retry_after_seconds=FULL_RETRY_SECONDS)
        free = room.store_free_bytes
        if free is not None and free < settings.store_reserve_bytes:
            detail = f"less than {settings.store_reserve_bytes} bytes are free for pictures"
            return StoreUnavailable(detail, retry_after_seconds=FULL_RETRY_SECONDS)
        return None

    def find_queue_refusal(self, queue: str) -> Refused | None:
        """Give why no job may come into a queue now. The submission has the last word.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        state, settings = self.look_at(queue), self._settings
        bound = settings.worker_absence_seconds
        if bound and state.absent_seconds is not None and state.absent_seconds > bound:
            detail = "no worker for this method has been seen for long"
            return NoWorker(detail, retry_after_seconds=60)
        if state.waiting >= settings.queue_limit:
            detail = f"{state.waiting} jobs wait, and the queue takes no more; try again later"
            return QueueFull(detail, retry_after_seconds=state.slot_seconds())
        return None

    def check(self) -> None:
        """Check that a job may come in, whatever its queue.

        Raises:
            BrokerFull: the broker's memory is nearly used up.
            StoreUnavailable: the space for pictures is; or the store does not answer.
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
    """A value that is looked up again when it is older than a second, by one thread at a time.

    That nobody answered is told to all who waited for it: else each would try in turn, for as long
    as the time limit of the broker's socket. Whoever comes later looks anew.
    """

    def __init__(self, look_up: Callable[[], Value]) -> None:
        self._look_up = look_up
        self._lock = threading.Lock()
        self._kept: tuple[float, Value | Refused] | None = None

    def get(self) -> Value:
        kept = self._kept
        if kept is None or time.monotonic() - kept[0] > LOOK_SECONDS:
            with self._lock:
                if self._kept is kept:
                    self._kept = self._look()
                kept = self._kept
        if kept is None:
            raise AssertionError("looked up just now")
        found = kept[1]
        if isinstance(found, Refused):
            # Without its past: each raise would add to that.
            raise found.with_traceback(None)
        return found

    def _look(self) -> tuple[float, Value | Refused]:
        began = time.monotonic()
        try:
            return began, self._look_up()
        except Refused as error:
            return -math.inf, error
