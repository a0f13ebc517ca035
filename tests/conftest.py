"""Fixtures that all tests may use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import redis
from hypothesis import HealthCheck, settings

from service.contract.settings import PREFIX
from service.local.broker import EmbeddedBroker
from tests.support.broker import flush, running_broker

# How fast examples are made and run is the machine's matter, and says nothing of the program.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What `make fuzz` asks for: minutes instead of seconds.
settings.register_profile(
    "fuzz", deadline=None, max_examples=20_000, suppress_health_check=list(HealthCheck)
)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def clean_environ() -> Iterator[None]:
    """Hide the settings of the machine that the tests run on, also from what they start."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIX)}
    yield
    os.environ.update(hidden)


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[EmbeddedBroker]:
    """The broker of this test process; with xdist each process has one. Never kill this one."""
    with running_broker() as broker:
        yield broker


@pytest.fixture
def broker_url(shared_broker: EmbeddedBroker) -> str:
    """URL of a real, empty broker."""
    flush(shared_broker.url)
    return shared_broker.url


@pytest.fixture
def redis_client(broker_url: str) -> Iterator[redis.Redis]:
    """A client of the real, empty broker; answers are text."""
    client = redis.Redis.from_url(broker_url, decode_responses=True)
    yield client
    client.close()


@pytest.fixture
def private_broker() -> Iterator[EmbeddedBroker]:
    """A broker of the test's own, to be killed and started again."""
    with running_broker() as broker:
        yield broker
