"""The broker's memory: how much it uses, its limit, and what is wrong with its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import NoPermissionError

from service.contract.jobs import JobWarning
from service.store.broker_faults import BrokerLink

_UNBOUNDED = JobWarning(
    code="broker_unbounded",
    detail="the broker has no maxmemory, so jobs are accepted until its machine has no memory "
    "left; set maxmemory",
)
_EVICTS = JobWarning(
    code="broker_evicts",
    detail="the broker deletes keys when its memory is full, and accepted jobs with them; set "
    "maxmemory-policy to noeviction",
)

log = structlog.get_logger()


@dataclass(frozen=True)
class BrokerMemory:
    """Memory of the broker.

    Attributes:
        used_bytes: bytes in use; `None` if it does not report them.
        max_bytes: its limit; `None` if it has none or does not report it.
        policy: its eviction policy; `None` if it does not report it.
    """

    used_bytes: int | None
    max_bytes: int | None
    policy: str | None = None

    @property
    def share(self) -> float | None:
        """The share that is used, 0..1 and beyond; `None` without a bound."""
        if self.used_bytes is None or not self.max_bytes:
            return None
        return self.used_bytes / self.max_bytes

    @property
    def warnings(self) -> list[JobWarning]:
        """The settings that endanger accepted jobs; none of a broker that does not report them."""
        if self.policy is None:
            return []
        unbounded = [] if self.max_bytes else [_UNBOUNDED]
        return unbounded if self.policy == "noeviction" else [*unbounded, _EVICTS]


def load_memory(link: BrokerLink) -> BrokerMemory:
    """Return the broker's memory; None of all where the broker forbids the question.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """
    memory = link.call(lambda: _ask(link.redis))
    return BrokerMemory(
        memory.get("used_memory"), memory.get("maxmemory") or None, memory.get("maxmemory_policy")
    )


def _ask(redis: Redis) -> dict[str, Any]:
    try:
        return dict(redis.info("memory"))
    except NoPermissionError:
        return {}


class BrokerCheck:
    """Logs, once in a process, what is wrong with the broker's settings.

    Args:
        link: to the broker.
    """

    def __init__(self, link: BrokerLink) -> None:
        self._link = link
        self._is_done = False

    def run(self) -> None:
        """Check the settings, unless they were checked before.

        Raises:
            BrokerUnavailable: Redis does not answer; the next call checks.
        """
        if self._is_done:
            return
        for warning in load_memory(self._link).warnings:
            log.warning(warning.code, detail=warning.detail)
        self._is_done = True
