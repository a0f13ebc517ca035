"""The metrics of gunicorn's processes: counted by each, shown by any of them as one."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from service.config import ServiceSettings
from service.contract.version import get_version
from service.telemetry.exposition import open_port, serve
from service.telemetry.families import API, MEMORY, families_of, show_version
from service.telemetry.metrics import Metrics, Sample, read_memory, share_counts


class SharedMetrics:
    """Holds in the arbiter what its processes share: a folder of counts, and a port.

    Counted is where somebody can read it: with a port for metrics, or with API keys.
    """

    def __init__(self) -> None:
        self._folder = ""
        self._listener: socket.socket | None = None

    def open(self, settings: ServiceSettings) -> None:
        """Make the folder and open the port, before there are processes.

        Raises:
            OSError: the port is taken, or the address is not this machine's.
        """
        if settings.metrics_port is None and not settings.asks_for_keys:
            return
        memory = Path("/dev/shm")  # nosec B108 # noqa: S108 - a new private folder in it
        root = memory if os.access(memory, os.W_OK) else None
        self._folder = tempfile.mkdtemp(prefix="paintjob-metrics-", dir=root)
        if settings.metrics_port is not None:
            self._listener = open_port(settings.metrics_host, settings.metrics_port)

    def start(self, slot: int) -> Metrics | None:
        """Count in a process that was just forked; return the metrics of all."""
        if not self._folder:
            return None
        share_counts(self._folder, slot)
        readings = (_read_memory, show_version(get_version()))
        return Metrics(families_of(API), readings, self._folder)

    def serve(self, metrics: Metrics | None) -> None:
        """Serve the metrics of all, if there is a port for them; any process may answer."""
        if self._listener is not None and metrics is not None:
            serve(self._listener, metrics.render)

    def close(self) -> None:
        """Delete the counts."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _read_memory() -> Iterator[Sample]:
    """Yield the memory of all processes of the API together: any of them may be asked."""
    arbiter = os.getppid()
    try:
        children = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()
    except OSError:
        return
    sizes = (read_memory(pid) for pid in (str(arbiter), *children))
    yield MEMORY.name, ("api",), sum(size for size in sizes if size is not None)
