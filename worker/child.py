"""The child process, up to its horse.

The parent names `run_child` when it spawns a child, so this module imports nothing that is heavy:
numpy, OpenCV and the engines are loaded in the child alone.
"""

from __future__ import annotations

import os
import resource
import signal
from multiprocessing.connection import Connection

from service.contract.child_processes import die_with_parent
from service.contract.version import get_version
from service.telemetry import exports
from service.telemetry.logs import configure_logging
from worker.config import WorkerSettings
from worker.processors import bound_threads


def bound_memory(limit_bytes: int | None) -> None:
    """Let allocations of this process fail beyond a limit, so that its job fails and no other.

    Private writable memory counts, whether it is used or not. Systems that do not know the limit
    ignore it.
    """
    if limit_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def run_child(connection: Connection, settings: WorkerSettings, parent_pid: int) -> None:
    """Run a horse until the pipe closes; the target of the child process.

    It ignores SIGINT and SIGTERM, because its parent decides when it ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(parent_pid)()
    bound_memory(settings.find_child_memory_limit())
    configure_logging(settings.log_level, "horse")
    exports.start("horse", settings, get_version())
    # Before numpy and torch are imported below.
    bound_threads(os.environ)
    from worker.horse import run_horse

    run_horse(connection, settings)
