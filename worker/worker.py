"""The RQ worker: three of RQ's methods overridden, nothing else.

RQ blocks on its list and registers the worker; what is painted, the job record decides. A delivery
is only a
wake-up: its name is never imported or called, and it is cleared before anything else happens.
"""

from __future__ import annotations

import time
from types import FrameType

import structlog
from pydantic import ValidationError
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.worker_registration import clean_worker_registry

from service.contract.errors import BrokerUnavailable, Internal
from service.contract.jobs import JobSpec
from service.contract.names import new_token
from service.store import Claimed, WorkerStore, failure_of
from service.store.wakeups import Wakeups
from worker.batch import POLL_SECONDS, BatchRun, Drain
from worker.config import WorkerSettings
from worker.harness import Harness, HorseBroken, HorseRefused
from worker.reporting import Row
from worker.upkeep import Upkeep

WORKER_TTL_SECONDS = 16
"""RQ blocks for 15 s less than this, so for one second; then maintenance gets its turn."""

RQ_HEARTBEAT_SECONDS = 5.0

BURST_SECONDS = 1.0
"""How long deliveries are answered one after another before RQ's loop gets its turn."""

log = structlog.get_logger()


class StoppableBackoff(ExponentialBackoff):
    """Waits between RQ's attempts to reach Redis, until the worker is asked to stop."""

    def __init__(self) -> None:
        super().__init__(cap=1.0, base=0.05)
        self.stopped = False

    def __deepcopy__(self, memo: dict[int, object]) -> StoppableBackoff:
        """Stay one: redis-py copies it into every connection, and all must see the stop."""
        return self

    def compute(self, failures: int) -> float:
        """Give the seconds to wait.

        Raises:
            StopRequested: the worker is to stop; nobody may wait for Redis any longer.
        """
        if self.stopped:
            raise StopRequested
        return float(super().compute(failures))


class PaintWorker(SimpleWorker):
    """Claims by the job record and has a horse paint.

    Args:
        connection: RQ's own, which waits long for Redis; the store's does not.
        backoff: what that connection waits with.
        store: what a worker may do with the records.
        harness: takes the horse.
        settings: the worker's.
        name: unique among workers.
        max_batch: how many jobs one claim may take.

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
        max_batch: int,
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
        self._max_batch = max_batch
        self._wakeups = Wakeups(store.redis, store.namespace)
        self._upkeep = Upkeep(store, self._wakeups, harness, settings, name)
        self._drain = Drain.NO
        self._beaten_at = 0.0
        # RQ's own cleaning belongs to the maintenance that is overridden: workers that were killed
        # would stay in its register for ever.
        clean_worker_registry(self.queues[0])
        self.is_broken = False
        self.refusal = ""

    # The three overrides --------------------------------------------------------------------------

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Clear the delivery, claim once, see the batch to its end; then answer the next ones too.

        RQ's bookkeeping between two deliveries costs as much as a small job.
        """
        with self.connection.pipeline() as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.delete(job.key)
            pipeline.execute()
        self._answer()
        burst_ends_at = time.monotonic() + BURST_SECONDS
        while not self._drain and time.monotonic() < burst_ends_at:
            # Popped as RQ does; its own method raises on an empty list.
            delivery = self.connection.lpop(queue.key)
            if not isinstance(delivery, bytes):
                break
            self.connection.delete(self.job_class.key_for(delivery.decode()))
            self._answer()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Note that the worker is to stop; a second signal hands the batch back at once."""
        self._drain = Drain.AT_ONCE if self._drain else Drain.ASKED
        self._backoff.stopped = True

    def run_maintenance_tasks(self) -> None:
        """Look after things between deliveries.

        Raises:
            StopRequested: the worker drains, or horse after horse dies young.
        """
        self._upkeep.run()
        if self._drain or not self._await_horse():
            raise StopRequested

    # ----------------------------------------------------------------------------------------------

    @property
    def is_draining(self) -> bool:
        """Whether the worker was asked to stop."""
        return self._drain is not Drain.NO

    def leave(self) -> None:
        """End the horse and tell that the worker is gone, or that it is broken."""
        self._harness.stop()
        if self.is_broken:
            self._upkeep.set_state("broken")
            self._upkeep.run()
        else:
            self._upkeep.leave()

    def _answer(self) -> None:
        """Claim once and paint; when draining, have somebody else answer."""
        if self._drain is Drain.NO and self._await_horse():
            token = new_token()
            self._paint(self._parse(self._claim(token), token))
        else:
            self._ring(1)

    def _await_horse(self) -> bool:
        """Have a ready horse; False when asked to stop before it is, or when none will live."""
        if self._harness.is_alive and self._harness.ready:
            return True
        try:
            return self._start_horse()
        except HorseBroken:
            # RQ's loop would swallow it: the entry asks `is_broken`.
            self.is_broken = True
        except HorseRefused as refused:
            self.refusal = str(refused)
        return False

    def _start_horse(self) -> bool:
        if self._harness.pid is not None and not self._harness.is_alive:
            self._harness.bury()
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
                self._harness.bury()
                self._harness.start()
                started = time.monotonic()
        self._upkeep.set_state("idle")
        self._upkeep.run()
        log.info(
            "horse_ready", horse=self._harness.pid, load_seconds=self._harness.ready.load_seconds
        )
        return True

    def _claim(self, token: str) -> list[Claimed]:
        """Claim once; while Redis is silent ask again with the same id: it gives the same jobs."""
        give_up_at = time.monotonic() + self._settings.lease_seconds
        while time.monotonic() < give_up_at and not self._drain:
            try:
                return self._store.claims.take(
                    self._settings.queue,
                    worker=self.name,
                    claim_id=token,
                    max_batch=self._max_batch,
                    warm_model=self._warm_model(),
                )
            except BrokerUnavailable:
                time.sleep(POLL_SECONDS)
        return []

    def _warm_model(self) -> str:
        """Give the model that was used last of those that are loaded; empty without one."""
        return next(reversed(self._harness.models), "")

    def _paint(self, rows: list[Row]) -> None:
        if not rows:
            return
        self._upkeep.set_state("busy")
        run = BatchRun(
            self._store, self._harness, rows, self._settings, self._busy_upkeep, lambda: self._drain
        )
        run.run()
        if run.requeued:
            self._ring(run.requeued)
        self._upkeep.set_state("draining" if self._drain else "idle")

    def _parse(self, claimed: list[Claimed], token: str) -> list[Row]:
        """Read the specs; a job whose spec cannot be read fails, and its mates go on."""
        rows = []
        for job in claimed:
            try:
                rows.append(Row(JobSpec.model_validate_json(job.spec), token))
            except ValidationError:
                log.exception("spec_unreadable", job_id=job.job_id)
                failure = failure_of(Internal("the job could not be read"))
                self._store.claims.finish_failed(job.job_id, token, failure)
        return rows

    def _busy_upkeep(self) -> None:
        self._upkeep.run()
        now = time.monotonic()
        if now - self._beaten_at < RQ_HEARTBEAT_SECONDS:
            return
        self._beaten_at = now
        try:
            # Through the store's connection: RQ's own would wait for a Redis that is away.
            with self._store.redis.pipeline() as pipeline:
                self.heartbeat(pipeline=pipeline)
                pipeline.execute()
        except RedisError:
            log.info("rq_heartbeat_missed")

    def _ring(self, count: int) -> None:
        try:
            self._wakeups.ring(self._settings.queue, count)
        except BrokerUnavailable:
            # The reaper rings for what waits.
            log.info("ring_missed", count=count)
