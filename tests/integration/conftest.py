"""Fixtures of the integration tests: the job store on a real, empty broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.store import JobStore, connect
from tests.support.records import Clock


@pytest.fixture
def store(broker_url: str) -> Iterator[JobStore]:
    opened = connect(broker_url)
    yield opened
    opened.redis.close()


@pytest.fixture
def clock(store: JobStore) -> Clock:
    return Clock(store)
