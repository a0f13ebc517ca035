"""How full the broker is, and how a queue stands: read for those who let jobs in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from redis.exceptions import NoPermissionError, RedisError

from service.contract.errors import BrokerUnavailable
from service.store.runner import StorePart

_MAX_SLOT_SECONDS = 60


@dataclass(frozen=True)
class BrokerMemory:
    """What the broker uses.

    Attributes:
        used_bytes: what it uses; `None` if it does not tell.
        max_bytes: what it may use; `None` if it has no bound, or does not tell.
    """

    used_bytes: int | None
    max_bytes: int | None

    @property
    def share(self) -> float | None:
        """The share that is used, 0..1 and beyond; `None` without a bound."""
        if self.used_bytes is None or not self.max_bytes:
            return None
        return self.used_bytes / self.max_bytes


@dataclass(frozen=True)
class QueueState:
    """How a queue stands.

    Attributes:
        waiting: jobs that wait.
        workers_online: workers that serve it.
        absent_seconds: for how long none did; `None` while one does, or if none ever was missed.
        job_seconds: what one job takes a worker; `None` while none was measured.
    """

    waiting: int
    workers_online: int
    absent_seconds: float | None
    job_seconds: float | None

    def slot_seconds(self) -> int:
        """Give when a place will be free in a full queue, within bounds."""
        each = (self.job_seconds or 10.0) / max(1, self.workers_online)
        return min(_MAX_SLOT_SECONDS, max(1, math.ceil(each)))


class Queues(StorePart):
    """The broker as those see it who let jobs in."""

    def load_memory(self) -> BrokerMemory:
        """Give what the broker uses; nothing of a broker that does not let us ask.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        try:
            told = self._scripts.redis.info("memory")
        except NoPermissionError:
            return BrokerMemory(None, None)
        except RedisError as error:
            raise BrokerUnavailable("the broker does not answer", retry_after_seconds=2) from error
        return BrokerMemory(told.get("used_memory"), told.get("maxmemory") or None)

    def load_state(self, queue: str) -> QueueState:
        """Give how a queue stands.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        waiting, online, absent_ms, job_ms = self._scripts.run("queue", queue=queue)
        return QueueState(waiting, online, _seconds(absent_ms), _seconds(job_ms))

    def load_names(self) -> list[str]:
        """Give the queues that had a job or a worker.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        names = self._scripts.guard(
            lambda: self._scripts.redis.smembers(self._scripts.key("queues"))
        )
        return sorted(name.decode() for name in names)


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds >= 0 else None
