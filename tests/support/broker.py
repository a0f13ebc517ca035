"""Real brokers for tests: one shared by a test run, and private ones that may be killed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import redis

from service.local.broker import EmbeddedBroker


@contextlib.contextmanager
def running_broker() -> Iterator[EmbeddedBroker]:
    """Run a private broker on its own directory; `kill()` and `start()` make it crash and return.

    The directory is short on purpose: pytest's own may be too long for a unix socket.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="pj-test-"))
    broker = EmbeddedBroker(data_dir)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(data_dir, ignore_errors=True)


def flush(url: str) -> None:
    """Empty a broker."""
    client = redis.Redis.from_url(url)
    try:
        client.flushall()
    finally:
        client.close()
