"""A second thread of the horse: it writes the pictures of one job while the next is painted."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

import structlog

BROKEN_STATUS = 1
"""Exit status of a horse whose tasks fail beyond what a job can be blamed for."""

Task = Callable[[], None]

log = structlog.get_logger()


class Finisher:
    """Runs tasks one after another, on a thread of its own or at once."""

    def __init__(self, *, threaded: bool) -> None:
        """Begin to take tasks.

        Args:
            threaded: whether to run them beside the caller; else each `put` runs its task.
        """
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.threaded = threaded
        if threaded:
            threading.Thread(target=self._run, name="finisher", daemon=True).start()

    def put(self, task: Task) -> None:
        """Have a task run after those before it, with the caller's context of the log."""
        if not self.threaded:
            task()
            return
        self._tasks.put(partial(copy_context().run, task))

    def _run(self) -> None:
        while True:
            task = self._tasks.get()
            try:
                task()
            except BaseException:
                # What a job can be blamed for was reported as its failure: the horse is broken.
                log.exception("finisher_broken")
                os._exit(BROKEN_STATUS)
            # Not before the next one comes: it holds a picture.
            del task
