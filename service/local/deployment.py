"""The programs of a deployment on one machine, and the checks that they are ready."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx2

from service import store
from service.contract.catalogue import Catalogue, ModelEntry, read_catalogue
from service.contract.errors import BrokerUnavailable
from service.contract.names import CPU_QUEUE, gpu_queue
from service.contract.private_files import keep_files_private, make_private_folder
from service.contract.setting_errors import SettingsError
from service.contract.settings import PREFIX
from service.local.broker import EmbeddedBroker
from service.local.processes import ChildProcess
from service.local.programs import BrokerProgram
from service.local.settings import UpSettings
from service.local.supervisor import Program, Supervisor

API_GRACE_SECONDS = 45.0
COURIER_GRACE_SECONDS = 15.0
WORKER_MARGIN_SECONDS = 15.0
"""Time that a worker gets beyond its drain to end in order."""

READY_LINE = "Paintjob is ready at "
"""Beginning of the line with the URL; programs that start `up` search for it."""

_PRESENT = frozenset({"idle", "busy"})


@dataclass(frozen=True)
class UpOptions:
    """Options of the command line besides the settings.

    Attributes:
        workers: how many workers serve the weight-free methods, >= 1.
        verbose: write the programs' output to standard error instead of log files.
    """

    workers: int = 1
    verbose: bool = False


class Deployment:
    """The programs of one machine, and the environment they share.

    Args:
        settings: what `up` read from the environment.
        environ: the environment that the programs inherit.
        options: what the command line adds.
        broker_url: the broker that all use.
        listener: the socket that the API takes its connections from. It stays open here, so that
            the port stays the same, and nothing is refused, while the API is restarted.
    """

    def __init__(
        self,
        settings: UpSettings,
        environ: Mapping[str, str],
        options: UpOptions,
        broker_url: str,
        listener: socket.socket,
    ) -> None:
        self._settings = settings
        self._options = options
        self._listener = listener
        self._data_dir = settings.data_dir.expanduser().absolute()
        self._store = store.connect(
            broker_url,
            namespace=settings.namespace,
            lease_seconds=settings.lease_seconds,
            logs=False,
        )
        self._env = {
            **environ,
            f"{PREFIX}REDIS_URL": broker_url,
            f"{PREFIX}DATA_DIR": str(self._data_dir),
        }

    @property
    def url(self) -> str:
        """URL of the API on this machine."""
        host, port = self._listener.getsockname()[:2]
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # nosec B104 # noqa: S104 - compared
        return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"

    def api(self) -> ChildProcess:
        """Build the program of the HTTP service."""
        descriptor = self._listener.fileno()
        argv = [
            *(sys.executable, "-m", "gunicorn", "--config", "python:service.api.gunicorn_conf"),
            *("--bind", f"fd://{descriptor}", "service.api.wsgi:app"),
        ]
        return self._program(
            "api",
            argv,
            lambda _: self._api_is_ready(),
            API_GRACE_SECONDS,
            # The socket is ours and stays open: nobody has to leave for another process.
            extra_env=lambda _: {**self._metrics_env(0), f"{PREFIX}HTTP_DRAIN_SECONDS": "0"},
            pass_fds=(descriptor,),
        )

    def courier(self) -> ChildProcess:
        """Build the program of the courier."""
        argv = [sys.executable, "-m", "service.courier"]
        env = self._metrics_env(1)
        return self._program(
            "courier", argv, lambda _: True, COURIER_GRACE_SECONDS, extra_env=lambda _: env
        )

    def workers(self) -> list[ChildProcess]:
        """Build the workers: the requested number for the weight-free queue, one for each other.

        Queues whose models need what is not installed have none.
        """
        catalogue = read_catalogue(self._settings)
        others = sorted(set(catalogue.queues()) - {CPU_QUEUE} - find_unserved(catalogue).keys())
        count = self._options.workers
        return [
            *(self._worker(CPU_QUEUE, number, number + 1) for number in range(1, count + 1)),
            *(self._worker(queue, 1, place) for place, queue in enumerate(others, count + 2)),
        ]

    def report_unserved(self, report: Callable[[str], None]) -> None:
        """Report which models have no worker because something is not installed."""
        for queue, entry in find_unserved(read_catalogue(self._settings)).items():
            traits = entry.traits
            report(
                f"No worker serves {queue}: its model {entry.name} needs {traits.package}, which "
                f"the extra `{traits.extra}` brings"
            )

    def report_broker(self, report: Callable[[str], None]) -> None:
        """Report why the broker cannot be used, if so: the programs wait for it."""
        try:
            self._store.check_ready()
        except BrokerUnavailable as error:
            report(f"Waiting for the broker, which cannot be used: {error.cause}")

    def close(self) -> None:
        """Close the connection to the broker."""
        self._store.redis.close()

    def _metrics_env(self, offset: int) -> dict[str, str]:
        """Return the port of a program's metrics: each has its own, counted from the one set."""
        first = self._settings.metrics_port
        return {f"{PREFIX}METRICS_PORT": str(first + offset)} if first else {}

    def _worker(self, queue: str, number: int, place: int) -> ChildProcess:
        name = f"{queue.replace(':', '-')}-{number}"

        # A new name each time, so that a dead worker's presence does not count for its successor.
        def worker_name(start: int) -> str:
            return f"{socket.gethostname()}-{os.getpid()}-{name}-{start}"

        def extra_env(start: int) -> dict[str, str]:
            return {
                f"{PREFIX}QUEUE": queue,
                f"{PREFIX}WORKER_NAME": worker_name(start),
                **self._metrics_env(place),
            }

        return self._program(
            f"worker-{name}",
            [sys.executable, "-m", "worker"],
            lambda start: self._worker_is_present(worker_name(start)),
            self._settings.drain_seconds + WORKER_MARGIN_SECONDS,
            extra_env=extra_env,
        )

    def _program(
        self,
        name: str,
        argv: list[str],
        check_ready: Callable[[int], bool],
        grace_seconds: float,
        *,
        extra_env: Callable[[int], dict[str, str]] = lambda _: {},
        pass_fds: tuple[int, ...] = (),
    ) -> ChildProcess:
        log_file = None if self._options.verbose else self._data_dir / "logs" / f"{name}.log"
        return ChildProcess(
            name,
            argv,
            lambda start: {**self._env, **extra_env(start)},
            log_file,
            pass_fds=pass_fds,
            check_ready=check_ready,
            grace_seconds=grace_seconds,
        )

    def _api_is_ready(self) -> bool:
        try:
            # Without a proxy of the environment: this is our own machine.
            answer = httpx2.get(f"{self.url}/health/ready", timeout=1.0, trust_env=False)
        except httpx2.TransportError:
            return False
        return answer.status_code == httpx2.codes.OK

    def _worker_is_present(self, name: str) -> bool:
        try:
            return any(
                worker.name == name and worker.state in _PRESENT
                for worker in self._store.presence.load_workers()
            )
        except BrokerUnavailable:
            return False


def run_up(
    settings: UpSettings,
    environ: Mapping[str, str],
    options: UpOptions,
    report: Callable[[str], None],
) -> None:
    """Run a whole deployment until SIGINT, SIGTERM or SIGHUP; call from the main thread.

    Args:
        settings: as read from `environ`.
        environ: what the programs inherit.
        options: what the command line adds.
        report: receives one line for people.

    Raises:
        BrokerError: the embedded broker cannot be started.
        StartError: another program cannot be started.
        OSError: a file cannot be opened.
        SettingsError: the address, the port, the data directory or the models file does not do.
    """
    keep_files_private()
    _make_data_folder(settings.data_dir.expanduser().absolute())
    with ExitStack() as stack:
        listener = stack.enter_context(open_listener(settings.host, settings.port))
        stages: list[list[Program]] = []
        broker_url = settings.redis_url
        if not broker_url:
            broker = _embedded_broker(settings, options)
            stack.callback(broker.stop)
            # Started here for its URL; the supervisor finds it running and watches it from now on.
            broker_url = broker.start()
            stages = [[BrokerProgram(broker)]]
        deployment = Deployment(settings, environ, options, broker_url, listener)
        stack.callback(deployment.close)
        deployment.report_broker(report)
        deployment.report_unserved(report)
        workers: list[Program] = [*deployment.workers()]
        stages = [workers, [deployment.api()], [deployment.courier()], *stages]
        if settings.asks_for_keys:
            report("Callers need an API key; create one: `paintjob keys create --tenant NAME`")
        report(
            f"Starting Paintjob; data and logs are in {settings.data_dir.expanduser().absolute()}"
        )
        Supervisor(stages, report).run(lambda: report(READY_LINE + deployment.url))
        report("Paintjob has stopped")


def find_unserved(catalogue: Catalogue) -> dict[str, ModelEntry]:
    """Return the queues that no worker of this installation can serve, with a model of each."""
    served = (entry for entry in catalogue.models if catalogue.allows(entry))
    missing = [entry for entry in served if find_spec(entry.traits.package) is None]
    return {gpu_queue(entry.group): entry for entry in missing}


def open_listener(host: str, port: int) -> socket.socket:
    """Open the socket that the API will accept from.

    Args:
        host: address or name of this machine.
        port: 0 takes a free one.

    Raises:
        SettingsError: the address is not this machine's, or the port is taken.
    """
    try:
        return _listen(host, port)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0].lower()
        raise SettingsError(
            f"PAINTJOB_PORT={port}: cannot be listened on at PAINTJOB_HOST={host}: {reason}"
        ) from None


def _listen(host: str, port: int) -> socket.socket:
    bare = host.strip("[]")
    family, _, _, _, address = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)[0]
    # As gunicorn does: all addresses of IPv6 are all of IPv4 too.
    dual = bare == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address[:2], family=family, backlog=2048, dualstack_ipv6=dual)


def _make_data_folder(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(f"PAINTJOB_DATA_DIR={folder}: cannot be made: {reason}") from None


def _embedded_broker(settings: UpSettings, options: UpOptions) -> EmbeddedBroker:
    log_file: Path = settings.data_dir.expanduser().absolute() / "logs" / "broker.log"
    return EmbeddedBroker(
        settings.data_dir,
        None if options.verbose else log_file,
        max_memory_bytes=settings.broker_memory_bytes,
    )
