"""Waiting for a batch: until it ends or changes, or with its state as Server-Sent Events.

A batch has no log of events: each change wakes those who wait, and they are shown the batch as it
is then. Knows no Flask.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from service.contract.errors import NotFound, Unauthorized
from service.store import BatchRecord, JobStore
from service.waiting.feed import HEARTBEAT_SECONDS, RETRY_MILLISECONDS
from service.waiting.streams import Waiter
from service.waiting.waiting import TICK_SECONDS

ENDED = "ended"
"""State of a batch that has ended, and the `Last-Event-ID` of a client that knows it."""


@dataclass(frozen=True)
class WatchedBatch:
    """A batch that a client waits for.

    Attributes:
        store: the records.
        batch_id: the batch.
        tenant: its owner.
        is_gone: returns whether the client has disconnected.
        is_allowed: returns whether the client may still follow the batch.
    """

    store: JobStore
    batch_id: str
    tenant: str
    is_gone: Callable[[], bool]
    is_allowed: Callable[[], bool] = lambda: True

    def load(self) -> BatchRecord:
        """Read the batch.

        Raises:
            NotFound, BrokerUnavailable: as the store's `load`.
        """
        return self.store.batches.load(self.batch_id, self.tenant)[0]


def wait_for_batch(
    waiter: Waiter, batch: WatchedBatch, seconds: float, is_due: Callable[[BatchRecord], bool]
) -> BatchRecord:
    """Wait, and return the batch when the client leaves, the time is over, or the batch is due.

    Args:
        waiter: the client's slot.
        batch: the batch.
        seconds: how long at most.
        is_due: returns whether the present batch ends the wait.

    Raises:
        Unauthorized: the client's key was revoked meanwhile.
        NotFound, BrokerUnavailable: as the store's `load`.
    """
    until = time.monotonic() + seconds
    waiter.join(batch.batch_id)
    # Read after joining: every later change causes an event.
    record = batch.load()
    while not is_due(record) and (left := until - time.monotonic()) > 0 and not waiter.is_cut:
        if not batch.is_allowed():
            raise Unauthorized("the API key was revoked while this request waited")
        if batch.is_gone():
            break
        if _take_news(waiter, min(left, TICK_SECONDS)):
            record = batch.load()
    return record


def stream_batch(
    waiter: Waiter, batch: WatchedBatch, write: Callable[[BatchRecord | None], str]
) -> Iterator[bytes]:
    """Yield the messages: the batch now and after each change, until it ends or the client leaves.

    Changes that follow each other closely are sent as one.

    Args:
        waiter: the client's slot, which has joined the batch.
        batch: the batch.
        write: returns the data of a message; of None, that the batch was deleted.
    """
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    is_news, beat_at = True, time.monotonic() + HEARTBEAT_SECONDS
    while True:
        if is_news:
            record = _find(batch)
            yield _write_message(record, write)
            if record is None or record.state == ENDED:
                return
        elif time.monotonic() >= beat_at:
            yield b": still there\n\n"
        else:
            is_news = _take_news(waiter, TICK_SECONDS)
            if reason := _find_reason_to_end(waiter, batch, is_news):
                yield f": {reason}\n\n".encode()
                return
            continue
        is_news, beat_at = False, time.monotonic() + HEARTBEAT_SECONDS


def _take_news(waiter: Waiter, seconds: float) -> bool:
    """Return whether the batch has changed, and take all changes so far."""
    is_news = waiter.take(seconds) is not None
    while is_news and waiter.take(0) is not None:
        pass
    return is_news


def _find_reason_to_end(waiter: Waiter, batch: WatchedBatch, is_news: bool) -> str:
    """Return the reason to end the stream before the batch ends; empty if there is none."""
    if waiter.is_cut and not is_news:
        return "this stream is cut; reconnect"
    if batch.is_gone():
        return "the client has left"
    return "" if batch.is_allowed() else "the API key was revoked"


def _find(batch: WatchedBatch) -> BatchRecord | None:
    """Return the batch; None if it was deleted.

    Raises:
        BrokerUnavailable: Redis does not answer; the stream breaks off, and the client reconnects.
    """
    try:
        return batch.load()
    except NotFound:
        return None


def _write_message(record: BatchRecord | None, write: Callable[[BatchRecord | None], str]) -> bytes:
    kind = "wiped" if record is None else ENDED if record.state == ENDED else "progress"
    mark = f"id: {ENDED}\n" if kind == ENDED else ""
    return f"{mark}event: {kind}\ndata: {write(record)}\n\n".encode()
