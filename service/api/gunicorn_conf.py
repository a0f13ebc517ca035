"""Settings of gunicorn, in the form that gunicorn reads: names of a module.

This is the one module that does work at import, because gunicorn reads its settings that way:
`gunicorn --config python:service.api.gunicorn_conf service.api.wsgi:app`.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path
from typing import Any

from service.config import ServiceSettings
from service.contract.catalogue import read_catalogue
from service.contract.private_files import keep_files_private
from service.contract.setting_errors import report
from service.contract.settings import describe_port_fault
from service.serving.chunks import bound_chunks
from service.serving.memory import bound_idle_memory
from service.serving.shared_metrics import SharedMetrics
from service.telemetry import exports


def _read_settings() -> ServiceSettings:
    """Read the settings and what they name; end the process if they are wrong.

    gunicorn would report an error by a traceback, and start workers that fail one after another.
    """
    try:
        settings = ServiceSettings.from_env(os.environ)
        settings.check_address()
        exports.check(settings)
        if settings.resolved_models_file() is not None:
            read_catalogue(settings)
        if "?" in settings.redis_url or "+sentinel" in settings.redis_url:
            # Imported where it is needed: most URLs have no options that could be wrong.
            from service.store.broker import open_redis

            open_redis(settings.redis_url)
    except (ValueError, OSError) as error:
        sys.exit(report("api", error))
    return settings


_settings = _read_settings()
shared_metrics = SharedMetrics()
_memory = Path("/dev/shm")  # nosec B108 # noqa: S108 - gunicorn makes a file there that has no name

bind = [_settings.address]
# Threads: a client that waits for its job or follows its events holds one that sleeps.
worker_class = "service.serving.http_worker.HttpWorker"
workers = _settings.http_workers
threads = _settings.http_threads
# Connections to Redis and obstore's threads do not survive a fork.
preload_app = False
# Connections that wait for a thread; the kernel refuses more rather than let them wait.
backlog = 2048
# A worker without a heartbeat for this long is stuck; requests have limits of their own.
timeout = 60
# Waiting requests are answered with 202 at a stop, so this need not cover `Prefer: wait=60`.
graceful_timeout = 30 + _settings.http_drain_seconds
keepalive = _settings.keepalive_seconds

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# By default programs on this machine may send SCRIPT_NAME, which fails with a page of gunicorn's.
forwarder_headers = ""

# The heartbeat is a file touched every second, which can block for long on a disk.
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
# Nothing uses the control interface, so it only adds risk.
control_socket_disable = True

errorlog = "-"
logger_class = "service.serving.gunicorn_log.GunicornLog"
loglevel = _settings.log_level.lower()
# Our own log has a line for each request: `request_ended`.
accesslog = None
proc_name = "paintjob-api"


def when_ready(server: Any) -> None:
    """Check the addresses that are listened on, and end the process if callers need keys there.

    Runs before any worker. `--bind` or an inherited socket may differ from the settings.
    """
    for listener in server.LISTENERS:
        name = listener.getsockname()
        if isinstance(name, tuple):  # a unix socket's is a path
            try:
                _settings.check_reach(str(name[0]))
            except ValueError as error:
                sys.exit(report("api", error))


def on_starting(server: Any) -> None:
    """Open what the processes of the API share to count and to serve metrics."""
    try:
        shared_metrics.open(_settings)
    except OSError as error:
        sys.exit(report("api", describe_port_fault(_settings, error)))


def on_exit(server: Any) -> None:
    """Delete the counts."""
    shared_metrics.close()


def pre_fork(server: Any, worker: Any) -> None:
    """Choose the first free slot for the counts of a process."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in count() if slot not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Limit the memory that this process keeps, and keep its files private."""
    keep_files_private()
    bound_idle_memory()
    worker.metrics = shared_metrics.start(worker.slot)


def post_worker_init(worker: Any) -> None:
    """Check the broker's settings, and make waiting clients leave when this process stops.

    Otherwise they delay the stop. They reconnect by themselves, to another process. Measured with
    open streams, a stop took all of `graceful_timeout`.
    """
    # By name: importing the app's parts here would import rq before its key prefix is set.
    context = worker.wsgi.extensions["paintjob"]
    context.streams.stop_when(lambda: worker.has_left)
    context.is_stopping = lambda: not worker.alive
    context.metrics = worker.metrics
    shared_metrics.serve(worker.metrics)
    context.check_broker()


def worker_exit(server: Any, worker: Any) -> None:
    """Export what is left."""
    exports.stop()


def pre_request(worker: Any, request: Any) -> None:
    """Start to measure how fast the client sends the body and reads the response."""
    request.unreader.sock.begin_request()
    bound_chunks(request, request.unreader.sock)
