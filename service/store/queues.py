"""The broker's memory and the state of its queues, for the admission of jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.store.broker_memory import BrokerMemory, load_memory
from service.store.runner import StorePart

_MAX_SLOT_SECONDS = 60


@dataclass(frozen=True)
class QueueState:
    """State of a queue.

    Attributes:
        waiting: jobs that wait.
        workers_online: workers that serve it.
        absent_seconds: for how long none did; `None` while one does, or before any job needed one.
        job_seconds: worker seconds of one job; `None` before one was measured.
    """

    waiting: int
    workers_online: int
    absent_seconds: float | None
    job_seconds: float | None

    def slot_seconds(self) -> int:
        """Return the seconds until a slot is free in a full queue, within bounds."""
        each = (self.job_seconds or 10.0) / max(1, self.workers_online)
        return min(_MAX_SLOT_SECONDS, max(1, math.ceil(each)))


class Queues(StorePart):
    """Broker and queues, for the admission of jobs."""

    def load_memory(self) -> BrokerMemory:
        """Return the broker's memory; None of both where the broker forbids the question.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        return load_memory(self._scripts.link)

    def load_state(self, queue: str) -> QueueState:
        """Return the state of a queue.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        waiting, online, absent_ms, job_ms = self._scripts.run("queue", queue=queue)
        return QueueState(waiting, online, _seconds(absent_ms), _seconds(job_ms))

    def load_names(self) -> list[str]:
        """Return the queues that had a job or a worker.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        names = self._scripts.guard(
            lambda: self._scripts.redis.smembers(self._scripts.key("queues"))
        )
        return sorted(name.decode() for name in names)


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds >= 0 else None
