"""gunicorn's settings, in the form that gunicorn reads: names of a module.

This is the one module where something happens at import, because gunicorn reads its settings so:
`gunicorn --config python:service.api.gunicorn_conf service.api.wsgi:app`.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Any

from service.api.memory import bound_idle_memory
from service.config import ServiceSettings

_settings = ServiceSettings.from_env(os.environ)
_memory = Path("/dev/shm")  # nosec B108 # noqa: S108 - gunicorn makes a file there that has no name

bind = [f"{_settings.host}:{_settings.port}"]
# Threads: a client that waits for its job or listens to its events holds one and does nothing.
worker_class = "service.api.http_worker.HttpWorker"
workers = _settings.http_workers
threads = _settings.http_threads
# Connections to Redis and obstore's threads do not survive a fork.
preload_app = False
# Accepted but not yet taken; more are refused by the kernel rather than kept waiting.
backlog = 2048
# A worker that cannot even beat for so long is stuck; requests have bounds of their own.
timeout = 60
# Longer than the longest `Prefer: wait`, 60 s, would keep a deployment waiting; those get a 202.
graceful_timeout = 30
keepalive = 15

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# The heartbeat is a file touched every second: on a disk it can block for long.
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
# No leak is known. Recycling would cut the clients that are waiting.
max_requests = 0
# A control interface that nobody uses is an interface too many.
control_socket_disable = True

errorlog = "-"
loglevel = _settings.log_level.lower()
# Our own log has a line for each request, with its id.
accesslog = None
proc_name = "paintjob-api"


def when_ready(server: Any) -> None:
    """Check where it listens, which `--bind` or a socket handed down may say; no worker runs yet.

    Raises:
        RuntimeError: others can reach it, and neither keys are asked for nor was that allowed.
    """
    for listener in server.LISTENERS:
        _bound_silence(listener.sock)
        name = listener.getsockname()
        if isinstance(name, tuple):  # a unix socket's is a path
            try:
                _settings.check_reach(str(name[0]))
            except ValueError as error:
                raise RuntimeError(str(error)) from None


def _bound_silence(listener: socket.socket) -> None:
    """Bound how long the clients of a socket may be silent within the head of a request.

    gunicorn reads that without a time limit, and `pre_request` comes after it; Linux hands this one
    down to every connection that is accepted.
    """
    seconds = _settings.client_silence_seconds
    bound = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)


def post_fork(server: Any, worker: Any) -> None:
    """Have this process give back the memory that pictures take for a moment."""
    bound_idle_memory()


def post_worker_init(worker: Any) -> None:
    """Have waiting clients told when this process stops: else they keep it until they are done.

    They come back by themselves, to another process; measured with open streams, a stop took all of
    `graceful_timeout`.
    """
    # By name: importing the app's parts here would import rq before its key prefix is set.
    worker.wsgi.extensions["paintjob"].streams.stop_when(lambda: not worker.alive)


def pre_request(worker: Any, request: Any) -> None:
    """Bound how long a client may be silent: else stalled uploads hold every thread for good.

    A read that times out counts as a client that left, which ends the request.
    """
    request.unreader.sock.settimeout(_settings.client_silence_seconds)
