"""Anonymous wake-ups through RQ.

A wake-up names no job. Each makes one worker claim once, by policy; too many do no harm, and the
reaper adds what is missing. So nothing here needs to be exact.
"""

from __future__ import annotations

from uuid import uuid4

import rq.defaults
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

from service.contract.errors import BrokerUnavailable
from service.contract.names import RUN_JOB, rq_prefix
from service.store import ReapReport

WAKEUP_SECONDS = 86_400
"""A wake-up that no worker took for so long expires; the reaper adds another if a job waits."""


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

    def notify(self, queue: str, count: int = 1) -> None:
        """Send as many wake-ups to a queue.

        Raises:
            BrokerUnavailable: Redis does not answer; the reaper will send them.
        """
        target = self._queues.get(queue) or self._queues.setdefault(
            queue, Queue(queue, connection=self._redis, serializer="json")
        )
        try:
            # The name is never called, so it need not resolve here: the API imports no worker.
            target.enqueue_many([self._make_wakeup() for _ in range(count)])
        except RedisError as error:
            raise BrokerUnavailable("the broker does not answer", retry_after_seconds=2) from error

    def notify_missing(self, report: ReapReport) -> None:
        """Send the wake-ups that a reaper pass found missing.

        Raises:
            BrokerUnavailable: Redis does not answer; the next pass finds those still missing.
        """
        for queue, count in (*report.requeued.items(), *report.missing.items()):
            self.notify(queue, count)

    def _make_wakeup(self) -> rq.queue.EnqueueData:
        return Queue.prepare_data(
            RUN_JOB,
            job_id=f"d-{uuid4().hex}",
            ttl=WAKEUP_SECONDS,
            result_ttl=0,
            failure_ttl=3600,
            description="wake-up",
        )
