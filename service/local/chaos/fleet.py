"""The deployment under test: broker, API, workers and courier, each restarted when it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from service.local.broker import EmbeddedBroker
from service.local.chaos.reply_cutter import ReplyCutter
from service.local.deployment import Deployment, UpOptions, open_listener
from service.local.processes import ChildProcess
from service.local.settings import UpSettings, complete
from service.store import JobStore, connect
from service.store.blobs import BlobStore

LEASE_SECONDS = 2.0
"""Short, so that a soak of a minute sees many recoveries."""

SETTINGS = {
    "PAINTJOB_LEASE_SECONDS": str(LEASE_SECONDS),
    "PAINTJOB_DRAIN_SECONDS": "2",
    "PAINTJOB_SELF_MODEL": "false",
    "PAINTJOB_WEBHOOK_ALLOW_HTTP": "true",
    "PAINTJOB_WEBHOOK_ALLOW_PRIVATE": "true",
    "PAINTJOB_WEBHOOK_RETRY_SECONDS": "0.5",
    "PAINTJOB_HTTP_WORKERS": "2",
}


@dataclass
class Fleet:
    """A running deployment, and the handles by which faults reach it.

    Attributes:
        url: where the API answers.
        broker: the embedded Valkey.
        cutter: the proxy between every program and the broker.
        api: gunicorn's master.
        courier: the courier.
        workers: the workers of the weight-free queue.
        store: a connection to the broker past the proxy, for checks.
        blobs: the deployment's blobs, for checks.
    """

    url: str
    broker: EmbeddedBroker
    cutter: ReplyCutter
    api: ChildProcess
    courier: ChildProcess
    workers: list[ChildProcess]
    store: JobStore
    blobs: BlobStore

    @property
    def programs(self) -> list[ChildProcess]:
        """All programs but the broker."""
        return [self.api, self.courier, *self.workers]

    def keep_running(self) -> list[str]:
        """Start what has ended; call from the main thread.

        Returns:
            The names of what was started again.
        """
        started = []
        if not self.broker.is_running:
            self.broker.start()
            started.append("broker")
        for program in self.programs:
            if not program.is_running:
                program.kill()
                program.start()
                started.append(program.name)
        return started

    def is_ready(self) -> bool:
        """Return whether every program does its work."""
        return self.broker.answers() and all(
            program.is_running and program.is_ready() for program in self.programs
        )

    def measure_memory(self) -> dict[str, int]:
        """Return the resident bytes of each parent: workers and courier, children left out."""
        return {
            program.name: psutil.Process(program.pid).memory_info().rss
            for program in (self.courier, *self.workers)
        }

    def stop(self) -> None:
        """End every program, by its own process group."""
        for program in self.programs:
            if program.is_running and program.pid is not None:
                # A stopped process would not see SIGTERM.
                psutil.Process(program.pid).send_signal(signal.SIGCONT)
            program.terminate()
        for program in self.programs:
            program.wait(program.grace_seconds)
            program.kill()


@contextmanager
def running_fleet(directory: Path, workers: int, environ: Mapping[str, str]) -> Iterator[Fleet]:
    """Run a deployment in a directory until the block ends.

    Args:
        directory: takes blobs, broker and logs.
        workers: how many workers.
        environ: what the programs inherit.

    Raises:
        BrokerError: the embedded broker cannot be started.
    """
    own = {**SETTINGS, "PAINTJOB_DATA_DIR": str(directory), "PAINTJOB_PORT": "0"}
    environ = complete({**environ, **own})
    settings = UpSettings.from_env(environ)
    with ExitStack() as stack:
        listener = stack.enter_context(open_listener(settings.host, 0))
        broker = EmbeddedBroker(directory, directory / "logs" / "broker.log")
        stack.callback(broker.stop)
        broker.start()
        cutter = stack.enter_context(ReplyCutter(broker.url))
        deployment = Deployment(settings, environ, UpOptions(workers=workers), cutter.url, listener)
        stack.callback(deployment.close)
        store = connect(broker.url, lease_seconds=LEASE_SECONDS)
        stack.callback(store.redis.close)
        fleet = Fleet(
            deployment.url,
            broker,
            cutter,
            deployment.api(),
            deployment.courier(),
            deployment.workers(),
            store,
            BlobStore.open(settings.resolved_blob_url()),
        )
        stack.callback(fleet.stop)
        fleet.keep_running()
        yield fleet
