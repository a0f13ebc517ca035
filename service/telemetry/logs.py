"""Logging: one JSON line an event, with the request and the job it belongs to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger


class _Lines:
    """Writes lines to a stream; those that it does not take are lost.

    A full disk must not end a process, or fail the job that it logs.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


@lru_cache(maxsize=4096)
def hash_tenant(tenant: str) -> str:
    """Return a digest of a tenant's name: lines of one tenant are found by it, without its name."""
    return hashlib.sha256(tenant.encode()).hexdigest()[:12]


class _Forwarding:
    """Takes the lines of errors besides the log."""

    take: Callable[[EventDict], None] | None = None


def forward_errors(take: Callable[[EventDict], None]) -> None:
    """Have the fields of each line of an error passed on too, from now on."""
    _Forwarding.take = take


def are_errors_forwarded() -> bool:
    """Return whether lines of errors are passed on."""
    return _Forwarding.take is not None


def _forward(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if _Forwarding.take is not None and method in ("error", "critical", "exception"):
        _Forwarding.take(dict(event))
    return event


class LineFormatter(logging.Formatter):
    """Formats what libraries log as lines like ours, with the event `library_logged`.

    Args:
        process: as for `configure_logging`.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "event": "library_logged",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": self._process,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logging(level: str, process: str) -> None:
    """Set up structured logging to standard error; called once, at a process's entry.

    Args:
        level: `DEBUG`, `INFO`, `WARNING` or `ERROR`.
        process: `api`, `worker`, `horse` or `courier`, added to every line.
    """

    def add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        # Not a context variable: request threads start with an empty context.
        event["process"] = process
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # As text: the structured form would show local variables, prompts among them.
            structlog.processors.format_exc_info,
            _forward,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        # PrintLogger tears lines when two processes share a file; one write a line does not.
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Lines(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(process))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
