"""Work in strips over threads: the same strips for any number of threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from worker.processors import count_threads

MAX_STRIPS: Final = 16
"""Enough to stop between two of them within 0.1 s, few enough for matches to spread."""

Strip = tuple[int, int]
"""The first row of a strip, and the row behind its last."""

CELLS_PER_STRIP: Final = 1024
"""Fewer are not worth handing to another thread."""


class Workers:
    """Runs the strips of one kernel at a time, on the caller's thread and on helpers.

    Args:
        check: called on the caller's thread between strips, and by whoever does long work alone;
            may raise to stop.
        threads: how many run at once; `None` for as many as the process may use.
    """

    def __init__(self, check: Callable[[], None], threads: int | None = None) -> None:
        self.check = check
        self._helpers = (threads or count_threads()) - 1
        self._pool = ThreadPoolExecutor(self._helpers) if self._helpers else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, kernel: Callable[[int, int], object], bounds: Sequence[int]) -> None:
        """Call the kernel for every strip; returns when all are done.

        Each thread takes strip after strip: to hand over one at a time costs as much as a small
        strip itself.

        Args:
            kernel: takes the first row of a strip and the row behind its last.
            bounds: where strips begin, and the end of the last.

        Raises:
            Exception: what `check` raised; strips already running are awaited first.
        """
        strips = deque(pairwise(bounds))
        helping = self._ask_for_help(kernel, strips)
        try:
            for first, last in _take(strips):
                kernel(first, last)
                self.check()
        finally:
            # A kernel writes into arrays that the caller may drop or reuse.
            strips.clear()
            wait(helping)
        for one in helping:
            one.result()

    def _ask_for_help(
        self, kernel: Callable[[int, int], object], strips: deque[Strip]
    ) -> list[Future[None]]:
        if self._pool is None:
            return []
        count = min(self._helpers, len(strips) - 1)
        return [self._pool.submit(_run_strips, kernel, strips) for _ in range(count)]


def _run_strips(kernel: Callable[[int, int], object], strips: deque[Strip]) -> None:
    for first, last in _take(strips):
        kernel(first, last)


def _take(strips: deque[Strip]) -> Iterator[Strip]:
    """Yield strips until none is left; several threads may take them."""
    while True:
        try:
            strip = strips.popleft()
        except IndexError:
            return
        yield strip


def cut(work_by_row: NDArray[np.int64]) -> list[int]:
    """Return bounds of strips of about equal work.

    Args:
        work_by_row: int64 (rows,), work in each row.
    """
    total = int(work_by_row.sum())
    count = min(max(total // CELLS_PER_STRIP, 1), MAX_STRIPS)
    done = np.cumsum(work_by_row)
    inner = np.searchsorted(done, [total * part // count for part in range(1, count)]) + 1
    return sorted({0, *(int(bound) for bound in inner), len(work_by_row)})
