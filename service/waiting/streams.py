"""Hands the events of jobs to the clients of one process that wait for them.

One thread reads the streams of all jobs that somebody waits for, and each waiter has a queue of
its own: a client that waits costs a thread that sleeps, and no connection to Redis.
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
"""Events that a waiter may leave lying; a job tells some five a second."""

SPARE_THREADS = 32
"""Threads that no waiter takes, so that short requests always find one."""

RETRY_AFTER_SECONDS = 5
LINGER_SECONDS = 10.0
PAUSE_SECONDS = 0.25
_WAKE_TRIES = 5
_WAKE_SECONDS = 0.001


def count_seats(threads: int) -> int:
    """Tell how many of a process' threads may wait: all but 32, or half where there are few."""
    return max(1, threads // 2, threads - SPARE_THREADS)


class Waiter:
    """One waiting client. Made by `Streams.admit`; to be closed by whoever asked for it.

    Attributes:
        is_cut: whether no further event comes although the job may go on: the process stops, or
            more events lay waiting than the queue holds.
    """

    def __init__(self, streams: Streams) -> None:
        self.is_cut = False
        self._streams = streams
        self._job_id: str | None = None
        self._queue: Queue[StoredEvent | None] = Queue(QUEUE_EVENTS)

    def __enter__(self) -> Self:
        """Give itself."""
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
        """Have every event that happens from now on; gives where the streams ended just before.

        What is read of the job after this call and what `take` gives overlap, and have no gap.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        self._job_id = job_id
        return self._streams.join(self, job_id)

    def take(self, seconds: float) -> StoredEvent | None:
        """Give the next event; none if there is none in time, or `is_cut`."""
        try:
            return self._queue.get(block=not self.is_cut, timeout=max(0.0, seconds))
        except Empty:
            return None

    def push(self, event: StoredEvent) -> None:
        """Take an event; never blocks."""
        if self.is_cut:
            return
        try:
            self._queue.put_nowait(event)
        except Full:
            # Whoever takes so slowly comes back by the id of the last event it has seen.
            self.is_cut = True

    def cut(self) -> None:
        """Have the client told that nothing more comes from this process."""
        if self.is_cut:
            return
        self.is_cut = True
        # Into a full queue it need not go: whoever takes from that one does not sleep.
        with suppress(Full):
            self._queue.put_nowait(None)

    def close(self) -> None:
        """Leave, and give the seat back; may be called again."""
        self._streams.leave(self, self._job_id)


@dataclass
class _Watch:
    """A job that somebody waits for, and the last event that was handed out."""

    position: EventId
    waiters: set[Waiter] = field(default_factory=set)

    def tell(self, event: StoredEvent) -> None:
        """Hand an event to everybody who waits for the job."""
        for waiter in self.waiters:
            waiter.push(event)


class Streams:
    """The waiters of one process.

    Args:
        find_store: gives the store; called when first needed, after any fork.
        seats: how many clients may wait at once.
    """

    def __init__(self, find_store: Callable[[], JobStore], seats: int) -> None:
        self._find_store = find_store
        self._seats = seats
        self._seated: set[Waiter] = set()
        self._watched: dict[str, _Watch] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wiped = START
        self._rounds = 0
        self._connection_id: int | None = None
        self._is_stopping: Callable[[], bool] = lambda: False

    def stop_when(self, is_stopping: Callable[[], bool]) -> None:
        """Cut all waiters once this tells that the process stops; they come back to another."""
        self._is_stopping = is_stopping

    def admit(self) -> Waiter:
        """Give a seat.

        Raises:
            TooManyWaiters: all are taken.
        """
        with self._changed:
            if len(self._seated) >= self._seats:
                detail = "as many clients wait here as may; try again, or poll without waiting"
                raise TooManyWaiters(detail, retry_after_seconds=RETRY_AFTER_SECONDS)
            waiter = Waiter(self)
            self._seated.add(waiter)
        return waiter

    def join(self, waiter: Waiter, job_id: str) -> Tails:
        """Give a waiter the events of a job; see `Waiter.join`."""
        store = self._find_store()
        tails = store.events.find_tails(job_id)
        with self._changed:
            if not self._watched:
                self._wiped = tails.wiped
            # An older position of another waiter only means that more comes than was asked for.
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
        """Take a waiter's seat, and its place at the job; see `Waiter.close`."""
        with self._changed:
            self._seated.discard(waiter)
            watch = self._watched.get(job_id) if job_id is not None else None
            if watch is not None and job_id is not None:
                watch.waiters.discard(waiter)
                if not watch.waiters:
                    del self._watched[job_id]

    def _wake(self, store: JobStore, rounds: int) -> None:
        """Have the reader look at the jobs anew, rather than first wait for those it knows.

        It may be on its way into the wait, where it cannot be woken yet; hence more than one try.
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
        """Sleep until somebody waits; tells whether the thread is to go on."""
        with self._changed:
            if self._changed.wait_for(lambda: bool(self._watched), LINGER_SECONDS):
                return True
            self._thread = self._connection_id = None
            return False

    def _read_once(self, reader: EventReader | None) -> EventReader | None:
        """Read and hand out; gives the reader, or none if another one is needed."""
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
            self._hand_out(reader.read(positions, wiped))
        except BrokerUnavailable:
            # The streams are kept: reading goes on where it stopped.
            self._connection_id = None
            if reader is not None:
                reader.close()
            time.sleep(PAUSE_SECONDS)
            return None
        return reader

    def _hand_out(self, found: Found) -> None:
        with self._changed:
            for job_id, events in found.events.items():
                watch = self._watched.get(job_id)
                for event in events:
                    if watch is not None and event.id > watch.position:
                        watch.tell(event)
                        watch.position = event.id
            for event_id, job_id in found.wiped:
                self._wiped = max(self._wiped, event_id)
                if job_id in self._watched:
                    self._watched[job_id].tell(make_wiped(event_id))

    def _cut_all(self) -> None:
        with self._changed:
            for waiter in self._seated:
                waiter.cut()

    def _end(self, reader: EventReader | None) -> None:
        if reader is not None:
            reader.close()
        with self._changed:
            if self._thread is threading.current_thread():
                # It was an error that ended the thread: nobody would be told anything any more.
                self._thread = self._connection_id = None
                for watch in self._watched.values():
                    for waiter in watch.waiters:
                        waiter.cut()
