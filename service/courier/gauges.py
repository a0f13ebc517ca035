"""Reads the state of queues, workers and broker for the metrics, when somebody asks for them.

The courier alone shows it: the API and the workers would show the same once more. Where several
couriers run, all show the same numbers, of which `max` is right and a sum is not.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from service.contract.errors import BrokerUnavailable
from service.store import Gauges, JobStore, OnlineWorker
from service.telemetry import families
from service.telemetry.metrics import Sample, read_memory


class BrokerGauges:
    """The reading of a courier.

    Args:
        store: the records.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def read(self) -> Iterator[Sample]:
        """Yield the state of now; while the broker does not answer, that alone."""
        size = read_memory(os.getpid())
        if size is not None:
            yield families.MEMORY.name, ("courier",), size
        try:
            yield from list(self._read_broker())
        except BrokerUnavailable:
            yield families.BROKER_UP.name, (), 0.0
        else:
            yield families.BROKER_UP.name, (), 1.0

    def _read_broker(self) -> Iterator[Sample]:
        found = self._store.gauges.load()
        yield from _describe_queues(found)
        yield from _describe_workers(self._store.presence.load_workers(), found)
        memory = self._store.queues.load_memory()
        if memory.used_bytes is not None:
            yield families.BROKER_BYTES.name, (), float(memory.used_bytes)
        if memory.share is not None:
            yield families.BROKER_SHARE.name, (), memory.share


def _describe_queues(found: Gauges) -> Iterator[Sample]:
    for queue, (waiting, oldest_seconds) in found.queues.items():
        yield families.QUEUE_WAITING.name, (queue,), float(waiting)
        yield families.QUEUE_OLDEST.name, (queue,), oldest_seconds
    yield families.JOBS_RUNNING.name, (), float(found.running)
    yield families.OUTBOX_GROUPS.name, (), float(found.groups)
    yield families.OUTBOX_LATE.name, (), found.late_seconds
    for labels, number in found.ended.items():
        yield families.JOBS_ENDED.name, labels, float(number)
    for outcome, number in found.attempts.items():
        yield families.ATTEMPTS_ENDED.name, (outcome,), float(number)


def _describe_workers(workers: list[OnlineWorker], found: Gauges) -> Iterator[Sample]:
    """Yield how many workers are in each state; 0 idle and busy ones too, for alerts to see."""
    counts = Counter((worker.queue, worker.state) for worker in workers)
    for queue in found.queues:
        for state in ("idle", "busy"):
            counts.setdefault((queue, state), 0)
    for labels, number in counts.items():
        yield families.WORKERS.name, labels, float(number)
