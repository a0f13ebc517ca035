"""Slots that bound the memory of what a process holds at once, by weight."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from service.contract.errors import TooManyWaiters

RETRY_SECONDS = 5


class WeightedSlots:
    """A number of bytes that the threads of a process share, first come, first served.

    Args:
        total: bytes to share.
        patience_seconds: how long a thread waits for its share.
        detail: of the error where it does not get one.
    """

    def __init__(self, total: int, patience_seconds: float, detail: str) -> None:
        self._free = self._total = total
        self._patience_seconds = patience_seconds
        self._detail = detail
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Number of threads that wait for their share."""
        return len(self._queue)

    @contextmanager
    def hold(self, weight: int) -> Iterator[None]:
        """Hold a share while the block runs.

        Args:
            weight: in bytes; of more than there are, all are taken.

        Raises:
            TooManyWaiters: the share did not become free in time.
        """
        share = min(weight, self._total)
        self._take(share)
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()

    def _take(self, share: int) -> None:
        place, end = object(), time.monotonic() + self._patience_seconds
        with self._changed:
            self._queue.append(place)
            try:
                if not self._changed.wait_for(
                    lambda: self._queue[0] is place and share <= self._free,
                    end - time.monotonic(),
                ):
                    raise TooManyWaiters(self._detail, retry_after_seconds=RETRY_SECONDS)
                self._free -= share
            finally:
                self._queue.remove(place)
                self._changed.notify_all()
