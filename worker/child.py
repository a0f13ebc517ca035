"""The child process, up to its horse.

The parent names `run_child` when it spawns a child, so this module imports nothing that is heavy:
numpy, OpenCV and the engines are loaded in the child alone.
"""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection

from service.contract.child_processes import die_with_parent
from service.contract.telemetry import configure_logging
from worker.config import WorkerSettings


def run_child(connection: Connection, settings: WorkerSettings, parent_pid: int) -> None:
    """Run a horse until the pipe closes; the target of the child process.

    It ignores SIGINT and SIGTERM, because its parent decides when it ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(parent_pid)()
    configure_logging(settings.log_level, "horse")
    from worker.horse import run_horse

    run_horse(connection, settings)
