from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.client import PaintjobClient
from tests.support.deployment import running_up
from tests.support.pictures import mask, picture


@pytest.fixture(scope="session")
def service_url() -> Iterator[str]:
    """The URL of a whole running service."""
    with running_up() as up:
        yield up.url


@pytest.fixture(scope="session")
def expected(service_url: str) -> bytes:
    """The picture that every program of the documentation must fetch, painted by our client."""
    files = ("rocket.png", picture()), ("rocket-mask.png", mask())
    with PaintjobClient(service_url) as client:
        job = client.wait(client.submit("inpaint", *files, {"seed": 7}).id)
        return client.get_result(job.id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the pictures that the programs send."""
    (tmp_path / "rocket.png").write_bytes(picture())
    (tmp_path / "rocket-mask.png").write_bytes(mask())
    return tmp_path
