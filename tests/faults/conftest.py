"""Fixtures of the fault tests: a deployment's worker side, on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.local.broker import EmbeddedBroker
from tests.support.stack import Stack, running_stack

SHORT_LEASE_SECONDS = 1.5


@pytest.fixture
def short_lease() -> float:
    """Asked for by tests that wait until leases have run out: `stack` has short ones then."""
    return SHORT_LEASE_SECONDS


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """The worker side on the shared broker, or on the private one of a test that kills it."""
    names = request.fixturenames
    if "private_broker" in names:
        broker: EmbeddedBroker = request.getfixturevalue("private_broker")
        url = broker.url
    else:
        url = request.getfixturevalue("broker_url")
    settings = {"lease_seconds": SHORT_LEASE_SECONDS} if "short_lease" in names else {}
    with running_stack(url, tmp_path, **settings) as running:
        yield running
