"""Entry of a worker process: settings, connections, signals, exit codes."""

from __future__ import annotations

import os
import socket
import sys

import structlog
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from rq.exceptions import StopRequested

from service.contract.catalogue import Catalogue, read_catalogue
from service.contract.names import CPU_QUEUE
from service.contract.private_files import keep_files_private
from service.contract.telemetry import configure_logging
from service.store import connect
from worker.config import WorkerSettings
from worker.harness import Harness
from worker.worker import PaintWorker, StoppableBackoff

RQ_SOCKET_SECONDS = 10.0
"""Well above the second that RQ blocks for: a shorter one would cut BLMOVE short."""

RQ_RETRIES = 10_000

EXIT_BAD_SETTINGS = 2
EXIT_BROKEN = 3
EXIT_UNFORESEEN = 1
"""RQ's loop ended by itself; its log says why."""

log = structlog.get_logger()


def main() -> int:
    """Run a worker until it is asked to stop, and return the exit code."""
    keep_files_private()
    try:
        settings = WorkerSettings.from_env(os.environ)
        url = settings.resolved_redis_url()
        catalogue = read_catalogue(settings)
        check_queue(settings.queue, catalogue)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"paintjob worker: {error}\n")
        return EXIT_BAD_SETTINGS
    configure_logging(settings.log_level, "worker")
    # Spinning OpenMP threads cost four times the time as soon as one core is shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    worker = make_worker(settings, url, catalogue)
    try:
        worker.work(logging_level="WARNING")
    except StopRequested:
        # From RQ's last call to a Redis that does not answer: do not wait for that.
        log.warning("left_without_unregistering")
    finally:
        # The horse first: as long as it lives, Python waits for it at the exit.
        worker.leave()
    if worker.refusal:
        sys.stderr.write(f"paintjob worker: {worker.refusal}\n")
        return EXIT_BAD_SETTINGS
    if worker.is_broken:
        log.error("horse_broken")
        return EXIT_BROKEN
    return 0 if worker.is_draining else EXIT_UNFORESEEN


def check_queue(queue: str, catalogue: Catalogue) -> None:
    """Check that this deployment has the queue: a worker must be able to serve all of it.

    Raises:
        ValueError: it has not; the text names the queues that exist.
    """
    if queue not in catalogue.queues():
        raise ValueError(
            f"the queue {queue} is not one of {', '.join(catalogue.queues())}: "
            "its models are missing in PAINTJOB_MODELS_FILE"
        )


def make_worker(settings: WorkerSettings, url: str, catalogue: Catalogue) -> PaintWorker:
    """Build a worker; it connects to Redis and waits for it if necessary."""
    backoff = StoppableBackoff()
    connection = Redis.from_url(
        url,
        socket_timeout=RQ_SOCKET_SECONDS,
        retry=Retry(backoff, RQ_RETRIES),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    return PaintWorker(
        connection,
        backoff,
        connect(
            url, namespace=settings.namespace, lease_seconds=settings.lease_seconds
        ).for_worker(),
        Harness(settings),
        settings,
        settings.worker_name or f"{socket.gethostname()}-{os.getpid()}",
        max_jobs_of(settings.queue, catalogue),
    )


def max_jobs_of(queue: str, catalogue: Catalogue) -> int:
    """Return how many jobs one claim may take: the largest call of any model of the queue.

    The engine divides jobs of a model that takes less into calls that it can paint.
    """
    if queue == CPU_QUEUE:
        return 1
    group = queue.partition(":")[2]
    return max(entry.max_batch for entry in catalogue.models if entry.group == group)
