"""The distribution of job events to the clients of one process that wait for them.

One thread reads the streams of all jobs that clients wait for, and each waiter has a queue of its
own: a waiting client costs a sleeping thread, and no connection to Redis.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Self

import structlog

from service.contract.errors import BrokerUnavailable, TooManyWaiters
from service.contract.keys import KEYLESS
from service.store import (
    START,
    EventId,
    EventReader,
    Found,
    JobStore,
    StoredEvent,
    Tails,
    make_wiped,
)

log = structlog.get_logger()

QUEUE_EVENTS = 256
"""Events that a waiter may leave in its queue; a job has about five a second."""

SPARE_THREADS = 32
"""Threads that no waiter uses, so that short requests always find one."""

RETRY_AFTER_SECONDS = 5
LINGER_SECONDS = 10.0
PAUSE_SECONDS = 0.25
_WAKE_TRIES = 5
_WAKE_SECONDS = 0.001


def count_slots(threads: int) -> int:
    """Return how many of a process's threads may wait: all but 32, or half if there are few."""
    return max(1, threads // 2, threads - SPARE_THREADS)


class Waiter:
    """One waiting client, made by `Streams.admit`, and closed by its caller.

    Attributes:
        key_id: key of the client.
        is_cut: whether no further event comes although the job may continue: the process stops, or
        the queue was full.
    """

    def __init__(self, streams: Streams, key_id: str = KEYLESS) -> None:
        self.is_cut = False
        self.key_id = key_id
        self._streams = streams
        self._job_id: str | None = None
        self._queue: Queue[StoredEvent | None] = Queue(QUEUE_EVENTS)

    def __enter__(self) -> Self:
        """Return the waiter."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def join(self, job_id: str) -> Tails:
        """Subscribe to a job's events from now on; return where the streams ended just before.

        A job that is read after this call and the events from `take` overlap, and have no gap.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        self._job_id = job_id
        return self._streams.join(self, job_id)

    def take(self, seconds: float) -> StoredEvent | None:
        """Return the next event; None if there is none in time, or `is_cut`."""
        try:
            return self._queue.get(block=not self.is_cut, timeout=max(0.0, seconds))
        except Empty:
            return None

    def push(self, event: StoredEvent) -> None:
        """Queue an event; never blocks."""
        if self.is_cut:
            return
        try:
            self._queue.put_nowait(event)
        except Full:
            # So slow a client reconnects with the id of the last event that it has received.
            self.is_cut = True

    def cut(self) -> None:
        """End the client's wait: no more events come from this process."""
        if self.is_cut:
            return
        self.is_cut = True
        # A full queue needs no mark: its reader is not asleep.
        with suppress(Full):
            self._queue.put_nowait(None)

    def close(self) -> None:
        """Unsubscribe, and free the slot; may be called again."""
        self._streams.leave(self, self._job_id)


@dataclass
class _Watch:
    """A job that clients wait for, and the last event that was distributed."""

    position: EventId
    waiters: set[Waiter] = field(default_factory=set)

    def notify(self, event: StoredEvent) -> None:
        """Queue an event for every waiter of the job."""
        for waiter in self.waiters:
            waiter.push(event)


class Streams:
    """The waiters of one process.

    Args:
        find_store: returns the store; called when first needed, after any fork.
        slots: how many clients may wait at once.
        slots_of_key: how many of them one key may use; None for all.
    """

    def __init__(
        self, find_store: Callable[[], JobStore], slots: int, slots_of_key: int | None = None
    ) -> None:
        self._find_store = find_store
        self._slots = slots
        self._slots_of_key = slots_of_key
        self._admitted: set[Waiter] = set()
        self._watched: dict[str, _Watch] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wiped = START
        self._rounds = 0
        self._connection_id: int | None = None
        self._is_stopping: Callable[[], bool] = lambda: False

    def stop_when(self, is_stopping: Callable[[], bool]) -> None:
        """Cut all waiters once `is_stopping` returns True; they reconnect to another process."""
        self._is_stopping = is_stopping

    def admit(self, key_id: str = KEYLESS) -> Waiter:
        """Return a waiter that takes a slot.

        Args:
            key_id: the client's key; callers without keys have no share of their own.

        Raises:
            TooManyWaiters: all slots are in use, or all of this key.
        """
        with self._changed:
            if len(self._admitted) >= self._slots:
                detail = "all wait slots are in use; retry, or poll the job"
                raise TooManyWaiters(detail, retry_after_seconds=RETRY_AFTER_SECONDS)
            self._check_share(key_id)
            waiter = Waiter(self, key_id)
            self._admitted.add(waiter)
        return waiter

    def _check_share(self, key_id: str) -> None:
        if key_id == KEYLESS or self._slots_of_key is None:
            return
        if sum(waiter.key_id == key_id for waiter in self._admitted) >= self._slots_of_key:
            detail = f"all {self._slots_of_key} wait slots of this key are in use; poll the job"
            raise TooManyWaiters(detail, retry_after_seconds=RETRY_AFTER_SECONDS)

    def join(self, waiter: Waiter, job_id: str) -> Tails:
        """Subscribe a waiter to the events of a job; see `Waiter.join`."""
        store = self._find_store()
        tails = store.events.find_tails(job_id)
        with self._changed:
            if not self._watched:
                self._wiped = tails.wiped
            # An older position of another waiter only means more events than needed.
            watch = self._watched.setdefault(job_id, _Watch(tails.job))
            watch.waiters.add(waiter)
            rounds = self._rounds
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
                self._thread.start()
            self._changed.notify()
        if self._is_stopping():
            waiter.cut()
        self._wake(store, rounds)
        return tails

    def leave(self, waiter: Waiter, job_id: str | None) -> None:
        """Free a waiter's slot, and unsubscribe it; see `Waiter.close`."""
        with self._changed:
            self._admitted.discard(waiter)
            watch = self._watched.get(job_id) if job_id is not None else None
            if watch is not None and job_id is not None:
                watch.waiters.discard(waiter)
                if not watch.waiters:
                    del self._watched[job_id]

    def _wake(self, store: JobStore, rounds: int) -> None:
        """Make the reader include a new job at once, rather than after its current wait.

        It may not have entered the wait yet, where it cannot be woken; hence more than one try.
        """
        for _ in range(_WAKE_TRIES):
            connection_id = self._connection_id
            if connection_id is None or self._rounds > rounds:
                return
            if store.events.wake_reader(connection_id):
                return
            time.sleep(_WAKE_SECONDS)

    def _run(self) -> None:
        reader: EventReader | None = None
        try:
            while self._await_somebody():
                reader = self._read_once(reader)
        finally:
            self._end(reader)

    def _await_somebody(self) -> bool:
        """Sleep until a client waits; return whether the thread should continue."""
        with self._changed:
            if self._changed.wait_for(lambda: bool(self._watched), LINGER_SECONDS):
                return True
            self._thread = self._connection_id = None
            return False

    def _read_once(self, reader: EventReader | None) -> EventReader | None:
        """Read and distribute events; return the reader, or None if a new one is needed."""
        if self._is_stopping():
            self._cut_all()
        try:
            if reader is None:
                reader = self._find_store().events.open_reader()
                self._connection_id = reader.get_connection_id()
            with self._changed:
                positions = {job_id: watch.position for job_id, watch in self._watched.items()}
                wiped = self._wiped
                self._rounds += 1
            self._distribute(reader.read(positions, wiped))
        except BrokerUnavailable:
            # The streams are kept: reading continues where it stopped.
            self._connection_id = None
            if reader is not None:
                reader.close()
            time.sleep(PAUSE_SECONDS)
            return None
        return reader

    def _distribute(self, found: Found) -> None:
        with self._changed:
            for job_id, events in found.events.items():
                watch = self._watched.get(job_id)
                for event in events:
                    if watch is not None and event.id > watch.position:
                        watch.notify(event)
                        watch.position = event.id
            for event_id, job_id in found.wiped:
                self._wiped = max(self._wiped, event_id)
                if job_id in self._watched:
                    self._watched[job_id].notify(make_wiped(event_id))

    def _cut_all(self) -> None:
        with self._changed:
            for waiter in self._admitted:
                waiter.cut()

    def _end(self, reader: EventReader | None) -> None:
        if reader is not None:
            reader.close()
        with self._changed:
            if self._thread is threading.current_thread():
                # An error ended the thread: no waiter would get another event.
                self._thread = self._connection_id = None
                for watch in self._watched.values():
                    for waiter in watch.waiters:
                        waiter.cut()
