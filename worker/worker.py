"""The RQ worker: three of RQ's methods overridden, nothing else.

RQ blocks on its list and registers the worker; the job records decide which jobs are painted. What
RQ hands out is only a wake-up: the name in it is never imported or called, and it is cleared before
anything else happens.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import structlog
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.worker_registration import clean_worker_registry

from service.contract.errors import BrokerUnavailable
from service.store import BrokerLink, WorkerStore
from service.store.wakeups import Wakeups
from service.telemetry.families import MEMORY, MODELS_LOADED
from service.telemetry.metrics import Sample, read_memory
from service.telemetry.pulse import Pulse
from worker.call_loop import POLL_SECONDS, CallLoop, Drain
from worker.claiming import ClaimSource
from worker.config import WorkerSettings
from worker.harness import Harness, HorseBroken, HorseRefused
from worker.reporting import ClaimedJob
from worker.upkeep import Upkeep

WORKER_TTL_SECONDS = 16
"""RQ blocks for 15 s less than this, so for one second; then it calls the maintenance."""

RQ_HEARTBEAT_SECONDS = 5.0

log = structlog.get_logger()


class StoppableBackoff(ExponentialBackoff):
    """Waits between RQ's attempts to reach Redis, until the worker is asked to stop."""

    def __init__(self) -> None:
        super().__init__(cap=1.0, base=0.05)
        self.stopped = False

    def __deepcopy__(self, memo: dict[int, object]) -> StoppableBackoff:
        """Return itself: redis-py copies it into every connection, and all must see the stop."""
        return self

    def compute(self, failures: int) -> float:
        """Return the seconds to wait.

        Raises:
            StopRequested: the worker is to stop, and must not wait for Redis any longer.
        """
        if self.stopped:
            raise StopRequested
        return float(super().compute(failures))


class LoggedRetry(Retry):
    """Repeats RQ's calls, and logs why they failed.

    Args:
        backoff: the waits.
        retries: how often.
        link: logs each cause now and then.
        pulse: beats at each failure.
    """

    def __init__(
        self, backoff: StoppableBackoff, retries: int, link: BrokerLink, pulse: Pulse
    ) -> None:
        super().__init__(backoff, retries)
        self._link = link
        self._pulse = pulse

    def __deepcopy__(self, memo: dict[int, object]) -> LoggedRetry:
        """Return itself: redis-py copies it into every connection."""
        return self

    def call_with_retry(self, do: Any, fail: Any, *arguments: Any, **named: Any) -> Any:
        """See redis-py."""

        def log_and_fail(error: Exception, *count: int) -> None:
            self._link.note(error)
            self._pulse.beat()
            fail(error, *count)

        return super().call_with_retry(do, log_and_fail, *arguments, **named)


class PaintWorker(SimpleWorker):
    """Claims by the job record and has a horse paint.

    Args:
        connection: RQ's own, which waits long for Redis; the store's does not.
        backoff: the waits of that connection.
        store: the records, as far as a worker may change them.
        harness: holds the horse.
        settings: the worker's.
        name: unique among workers.
        max_jobs: how many jobs one claim may take.
        pulse: beats while the loop runs.

    Attributes:
        is_broken: True after three horses died young.
        refusal: why no horse can work with the settings; empty when one can.
    """

    max_connection_wait_time = 2

    def __init__(
        self,
        connection: Redis,
        backoff: StoppableBackoff,
        store: WorkerStore,
        harness: Harness,
        settings: WorkerSettings,
        name: str,
        max_jobs: int,
        pulse: Pulse,
    ) -> None:
        super().__init__(
            [settings.queue],
            name=name,
            connection=connection,
            serializer="json",
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=0,
            log_job_description=False,
        )
        self._backoff = backoff
        self._store = store
        self._harness = harness
        self._settings = settings
        self._source = ClaimSource(store.claims, harness, self.queues[0], name, max_jobs)
        self._wakeups = Wakeups(store.redis, store.namespace)
        self._upkeep = Upkeep(store, self._wakeups, harness, settings, name, pulse)
        self._drain = Drain.NO
        self._signal = ""
        self._is_drain_noted = False
        self._beaten_at = 0.0
        # RQ's own cleaning belongs to the maintenance that is overridden: workers that were killed
        # would stay in its register for ever.
        clean_worker_registry(self.queues[0])
        # A worker that died may have had the same name, if the operator chose it.
        connection.delete(self.key)
        self.is_broken = False
        self.refusal = ""

    # The three overrides --------------------------------------------------------------------------

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Clear the wake-up, claim, and run jobs to their end for as long as more of them wait.

        RQ's bookkeeping between two wake-ups costs as much as a small job.
        """
        self._source.clear(job)
        if self._drain is not Drain.NO or not self._await_horse():
            self._notify(1)
            return
        self._paint(self._claim())
        while self._source.is_owed and self._drain is Drain.NO and self._await_horse():
            self._paint(self._claim())

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Note that the worker is to stop; a second signal requeues its jobs at once."""
        self._drain = Drain.AT_ONCE if self._drain else Drain.ASKED
        self._signal = signal.Signals(signum).name
        self._backoff.stopped = True

    def run_maintenance_tasks(self) -> None:
        """Do the upkeep between wake-ups.

        Raises:
            StopRequested: the worker drains, or no horse will live.
        """
        self._upkeep.run()
        self._note_drain()
        if self._drain or not self._await_horse():
            raise StopRequested

    # ----------------------------------------------------------------------------------------------

    @property
    def reason(self) -> str:
        """Why it stops: a signal, its horse, its settings, or an error that RQ's loop logged."""
        if self.refusal:
            return "settings_refused"
        if self.is_broken:
            return "horse_broken"
        return self._signal or "loop_failed"

    @property
    def is_draining(self) -> bool:
        """True once the worker was asked to stop."""
        return self._drain is not Drain.NO

    def leave(self) -> None:
        """End the horse; announce that the worker is broken, or withdraw its announcement."""
        self._harness.stop()
        if self.is_broken:
            self._upkeep.set_state("broken")
            self._upkeep.run()
        else:
            self._upkeep.leave()

    def read_gauges(self) -> Iterator[Sample]:
        """Yield the memory of both processes, and the models that are loaded."""
        for process, pid in (("worker", os.getpid()), ("horse", self._harness.pid)):
            if pid is not None and (size := read_memory(pid)) is not None:
                yield MEMORY.name, (process,), size
        for model in self._harness.models:
            yield MODELS_LOADED.name, (model,), 1.0

    def _await_horse(self) -> bool:
        """Return True with a ready horse; False when asked to stop, or when none will live."""
        if self._harness.is_alive and self._harness.ready:
            return True
        try:
            return self._start_horse()
        except HorseBroken:
            # RQ's loop would swallow it: the entry reads `is_broken`.
            self.is_broken = True
        except HorseRefused as refused:
            self.refusal = str(refused)
        return False

    def _start_horse(self) -> bool:
        if self._harness.pid is not None and not self._harness.is_alive:
            self._harness.discard()
        if self._harness.pid is None:
            self._upkeep.set_state("starting")
            self._harness.start()
        started = time.monotonic()
        while self._harness.ready is None:
            if self._drain:
                return False
            self._harness.poll(POLL_SECONDS)
            self._upkeep.run()
            hung = time.monotonic() - started > self._settings.load_hang_seconds
            if hung or not self._harness.is_alive:
                self._harness.discard()
                self._harness.start()
                started = time.monotonic()
        self._upkeep.set_state("idle")
        self._upkeep.run()
        log.info(
            "horse_ready", horse=self._harness.pid, load_seconds=self._harness.ready.load_seconds
        )
        return True

    def _claim(self) -> list[ClaimedJob]:
        return self._source.claim_first(
            self._settings.lease_seconds, lambda: self._drain is not Drain.NO
        )

    def _paint(self, jobs: list[ClaimedJob]) -> None:
        if not jobs:
            return
        self._upkeep.set_state("busy")
        loop = CallLoop(
            self._store,
            self._harness,
            self._source,
            self._settings,
            self._busy_upkeep,
            lambda: self._drain,
        )
        loop.run(jobs)
        if loop.requeued:
            self._notify(loop.requeued)
        self._upkeep.set_state("draining" if self._drain else "idle")

    def _note_drain(self) -> None:
        """Log once that the worker stops, and why; the signal's handler must not write."""
        if self._drain and not self._is_drain_noted:
            self._is_drain_noted = True
            log.info(
                "worker_stopping", signal=self._signal, drain_seconds=self._settings.drain_seconds
            )

    def _busy_upkeep(self) -> None:
        self._upkeep.run()
        self._note_drain()
        now = time.monotonic()
        if now - self._beaten_at < RQ_HEARTBEAT_SECONDS:
            return
        self._beaten_at = now
        try:
            # Through the store's connection: RQ's own would wait for a silent Redis.
            with self._store.redis.pipeline() as pipeline:
                self.heartbeat(pipeline=pipeline)
                pipeline.execute()
        except RedisError:
            log.info("rq_heartbeat_missed")

    def _notify(self, count: int) -> None:
        try:
            self._wakeups.notify(self._settings.queue, count)
        except BrokerUnavailable:
            # The reaper sends what is missing.
            log.info("wakeup_missed", count=count)
