"""Work in strips over threads: the same strips for any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from worker.imaging.threads import count_threads

MAX_STRIPS: Final = 16
"""Enough to stop between two of them within 0.1 s, few enough for matches to spread."""

CELLS_PER_STRIP: Final = 1024
"""Fewer are not worth handing to another thread."""


class Workers:
    """Runs the strips of one kernel at a time.

    Args:
        check: called on the caller's thread between strips, and by whoever does long work alone;
            may raise to stop.
        threads: how many run at once; `None` for as many as the process may use.
    """

    def __init__(self, check: Callable[[], None], threads: int | None = None) -> None:
        self.check = check
        count = threads or count_threads()
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, kernel: Callable[[int, int], object], bounds: Sequence[int]) -> None:
        """Call the kernel for every strip; returns when all are done.

        Args:
            kernel: takes the first row of a strip and the row behind its last.
            bounds: where strips begin, and the end of the last.

        Raises:
            Exception: what `check` raised; strips already running are awaited first.
        """
        strips = list(pairwise(bounds))
        if self._pool is None or len(strips) == 1:
            for first, last in strips:
                kernel(first, last)
                self.check()
            return
        waiting = [self._pool.submit(kernel, first, last) for first, last in strips]
        try:
            for one in waiting:
                one.result()
                self.check()
        finally:
            # A kernel writes into arrays that the caller may drop or reuse.
            for one in waiting:
                if not one.cancel():
                    one.exception()


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
