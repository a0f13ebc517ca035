"""Anonymous wake-ups through RQ.

A wake-up names no job. Each makes one worker claim once, by policy; too many do no harm, and the
reaper adds what is missing. So nothing here needs to be exact.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from uuid import uuid4

import rq.defaults
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue

from service.contract.names import RUN_JOB, rq_prefix
from service.store import ReapReport
from service.store.broker_faults import as_unavailable
from service.store.runner import PackedCommands

WAKEUP_SECONDS = 86_400
"""A wake-up that no worker took for so long expires; the reaper adds another if a job waits."""

PATTERN_SECONDS = 5.0

_ID_START = "d-"


@dataclass(frozen=True)
class _Pattern:
    """The commands of one wake-up, from which those of others are made."""

    fresh_until: float
    wakeup_id: str
    commands: PackedCommands

    def fill(self, wakeup_id: str) -> PackedCommands:
        """Return the commands with another id, which is as long."""
        data = self.commands.data.replace(self.wakeup_id.encode(), wakeup_id.encode())
        return replace(self.commands, data=data)


def _draw_id() -> str:
    return f"{_ID_START}{uuid4().hex}"


class Wakeups:
    """Wakes workers.

    Args:
        redis: the connection.
        namespace: the job store's; RQ must have been imported with its prefix.

    Raises:
        ValueError: RQ was imported before `names.export_rq_prefix` was called.
    """

    def __init__(self, redis: Redis, namespace: str) -> None:
        if rq_prefix(namespace) != rq.defaults.RQ_KEY_PREFIX:
            raise ValueError(
                f"RQ was imported with the key prefix {rq.defaults.RQ_KEY_PREFIX!r}, "
                f"not {rq_prefix(namespace)!r}: call names.export_rq_prefix() first"
            )
        self._redis = redis
        self._queues: dict[str, Queue] = {}
        self._patterns: dict[str, _Pattern] = {}

    def notify(self, queue: str, count: int = 1) -> None:
        """Send as many wake-ups to a queue.

        Raises:
            BrokerUnavailable: Redis does not answer; the reaper will send them.
        """
        try:
            self._enqueue(queue, count).execute()
        except RedisError as error:
            raise as_unavailable(error) from error

    def prepare(self, queue: str) -> PackedCommands:
        """Return the commands that send a wake-up, for a script that runs them with its own.

        RQ builds them anew every few seconds; meanwhile a wake-up differs by its id alone.

        Raises:
            BrokerUnavailable: Redis, whose version RQ wants to know, does not answer.
        """
        pattern = self._patterns.get(queue)
        if pattern is None or time.monotonic() > pattern.fresh_until:
            pattern = self._patterns[queue] = self._build_pattern(queue)
        return pattern.fill(_draw_id())

    def _build_pattern(self, queue: str) -> _Pattern:
        fresh_until = time.monotonic() + PATTERN_SECONDS
        try:
            commands = self._enqueue(queue, 1).command_stack
        except RedisError as error:
            raise as_unavailable(error) from error
        wakeup_id = next(part for part in commands[-1][0] if str(part).startswith(_ID_START))
        packed = PackedCommands.pack(arguments for arguments, _ in commands)
        return _Pattern(fresh_until, wakeup_id, packed)

    def notify_missing(self, report: ReapReport) -> None:
        """Send the wake-ups that a reaper pass found missing.

        Raises:
            BrokerUnavailable: Redis does not answer; the next pass finds those still missing.
        """
        for queue, count in (*report.requeued.items(), *report.missing.items()):
            self.notify(queue, count)

    def _enqueue(self, queue: str, count: int) -> Pipeline:
        target = self._queues.get(queue) or self._queues.setdefault(
            queue, Queue(queue, connection=self._redis, serializer="json")
        )
        commands = self._redis.pipeline()
        # The name is never called, so it need not resolve here: the API imports no worker.
        target.enqueue_many([self._make_wakeup() for _ in range(count)], pipeline=commands)
        return commands

    def _make_wakeup(self) -> rq.queue.EnqueueData:
        return Queue.prepare_data(
            RUN_JOB,
            job_id=_draw_id(),
            ttl=WAKEUP_SECONDS,
            result_ttl=0,
            failure_ttl=3600,
            description="wake-up",
        )
