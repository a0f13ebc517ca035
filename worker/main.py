"""Entry of a worker process: settings, connections, signals, exit codes."""

from __future__ import annotations

import os
import signal
import socket
import threading
from secrets import token_hex

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq.exceptions import StopRequested

from service.contract.catalogue import Catalogue, read_catalogue
from service.contract.errors import BrokerUnavailable
from service.contract.names import CPU_QUEUE
from service.contract.private_files import keep_files_private
from service.contract.setting_errors import SettingsError, report
from service.contract.settings import describe_port_fault
from service.contract.version import get_version
from service.store import WorkerStore, connect, open_redis
from service.telemetry import exports
from service.telemetry.exposition import serve_process
from service.telemetry.families import WORKER, show_version
from service.telemetry.logs import configure_logging
from service.telemetry.pulse import Pulse
from worker.config import WorkerSettings
from worker.harness import Harness
from worker.kernels import kept_kernels
from worker.worker import LoggedRetry, PaintWorker, StoppableBackoff

RQ_SOCKET_SECONDS = 10.0
"""Well above the second that RQ blocks for: a shorter one would cut BLMOVE short."""

RQ_RETRIES = 10_000

BROKER_POLL_SECONDS = 0.5

EXIT_BROKEN = 3
EXIT_UNFORESEEN = 1
"""RQ's loop ended by itself; its log says why."""

log = structlog.get_logger()


def main() -> int:
    """Read the settings, run a worker, and return the exit code."""
    keep_files_private()
    try:
        settings = WorkerSettings.from_env(os.environ)
        catalogue = read_catalogue(settings)
        check_queue(settings.queue, catalogue)
        store = open_store(settings)
        exports.check(settings)
    except (ValueError, OSError) as error:
        return report("worker", error)
    configure_logging(settings.log_level, "worker")
    exports.start("worker", settings, get_version())
    # Spinning OpenMP threads cost four times the time as soon as one core is shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # A new name at each start: RQ refuses one that is taken, and in a container that has died the
    # next process has the same id.
    name = settings.worker_name or f"{socket.gethostname()}-{token_hex(3)}-{os.getpid()}"
    structlog.contextvars.bind_contextvars(worker=name)
    pulse = Pulse(settings.health_file)
    if not await_broker(store, name, settings.queue, pulse):
        log.info("worker_stopped", reason="stopped_before_the_broker_answered", exit_code=0)
        return 0
    with kept_kernels(os.environ):
        worker = make_worker(settings, store, catalogue, name, pulse)
        try:
            serve_metrics(settings, worker)
        except OSError as error:
            return report("worker", describe_port_fault(settings, error))
        return run(worker)


def run(worker: PaintWorker) -> int:
    """Run a worker until it is asked to stop, and return the exit code."""
    try:
        worker.work(logging_level="WARNING")
    except StopRequested:
        # From RQ's last call to a Redis that does not answer: do not wait for that.
        log.warning("left_without_unregistering")
    finally:
        # Python would put the default back at its end: a third signal would be a death.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        # The horse first: as long as it lives, Python waits for it at the exit.
        worker.leave()
    code = find_exit_code(worker)
    log_as = log.info if code == 0 else log.error
    log_as("worker_stopped", reason=worker.reason, detail=worker.refusal or None, exit_code=code)
    exports.stop()
    return code


def find_exit_code(worker: PaintWorker) -> int:
    """Return the exit code of a worker that has stopped; say what is wrong with its settings."""
    if worker.refusal:
        return report("worker", ValueError(worker.refusal))
    if worker.is_broken:
        return EXIT_BROKEN
    return 0 if worker.is_draining else EXIT_UNFORESEEN


def serve_metrics(settings: WorkerSettings, worker: PaintWorker) -> None:
    """Serve the metrics of this worker, if it has a port for them.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    readings = (worker.read_gauges, show_version(get_version()))
    serve_process(settings.metrics_host, settings.metrics_port, WORKER, readings)


def check_queue(queue: str, catalogue: Catalogue) -> None:
    """Check that this deployment has the queue: a worker must be able to serve all of it.

    Raises:
        ValueError: it has not; the text names the queues that exist.
    """
    if queue not in catalogue.queues():
        raise SettingsError(
            f"PAINTJOB_QUEUE={queue}: must be one of {', '.join(catalogue.queues())}; "
            "PAINTJOB_MODELS_FILE has no models of another"
        )


def open_store(settings: WorkerSettings) -> WorkerStore:
    """Open the job records; connects to nothing yet.

    Raises:
        SettingsError: the broker's URL cannot be read, or there is none.
    """
    url, lease = settings.resolved_redis_url(), settings.lease_seconds
    return connect(url, namespace=settings.namespace, lease_seconds=lease).for_worker()


def await_broker(store: WorkerStore, name: str, queue: str, pulse: Pulse) -> bool:
    """Wait until the broker answers, which the store logs if it does not; False if stopped.

    RQ's connection would wait as well, but in silence.
    """
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    while not stop.is_set():
        pulse.beat()
        try:
            # What a predecessor of the same name has left; it shows whether scripts may be run.
            store.presence.leave(name, queue)
            break
        except BrokerUnavailable:
            stop.wait(BROKER_POLL_SECONDS)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    return not stop.is_set()


def make_worker(
    settings: WorkerSettings, store: WorkerStore, catalogue: Catalogue, name: str, pulse: Pulse
) -> PaintWorker:
    """Build a worker; the broker must answer, and is waited for when it does not any more."""
    backoff = StoppableBackoff()
    connection = open_redis(
        settings.resolved_redis_url(),
        socket_timeout=RQ_SOCKET_SECONDS,
        socket_connect_timeout=RQ_SOCKET_SECONDS,
        retry=LoggedRetry(backoff, RQ_RETRIES, store.link, pulse),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, NoPermissionError],
    )
    return PaintWorker(
        connection,
        backoff,
        store,
        Harness(settings),
        settings,
        name,
        max_jobs_of(settings.queue, catalogue),
        pulse,
    )


def max_jobs_of(queue: str, catalogue: Catalogue) -> int:
    """Return how many jobs one claim may take: the largest call of any model of the queue.

    The engine divides jobs of a model that takes less into calls that it can paint.
    """
    if queue == CPU_QUEUE:
        return 1
    group = queue.partition(":")[2]
    sizes = (entry.max_batch for entry in catalogue.models if entry.group == group)
    return max(sizes, default=1)
