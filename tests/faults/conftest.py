"""Fixtures of the fault tests: a deployment's worker side, on a broker of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.local.broker import EmbeddedBroker
from tests.support.stack import Stack, running_stack


@pytest.fixture
def stack(private_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Stack]:
    with running_stack(private_broker.url, tmp_path) as running:
        yield running
