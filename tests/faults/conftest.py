"""Fixtures of the fault tests: a deployment's worker side, on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.local.broker import EmbeddedBroker
from tests.support.stack import Stack, running_stack


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """The worker side on the shared broker, or on the private one of a test that kills it."""
    if "private_broker" in request.fixturenames:
        broker: EmbeddedBroker = request.getfixturevalue("private_broker")
        url = broker.url
    else:
        url = request.getfixturevalue("broker_url")
    with running_stack(url, tmp_path) as running:
        yield running
