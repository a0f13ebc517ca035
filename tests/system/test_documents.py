"""The code in the documents is run: each page in a folder of its own, all against one service."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.deployment import RunningUp, running_up
from tests.support.documents import DOCUMENTS, ROOT, read_steps
from tests.support.following import follow, make_desk

pytestmark = pytest.mark.slow

ALLOWED = {"PAINTJOB_WEBHOOK_ALLOW_HTTP": "true", "PAINTJOB_WEBHOOK_ALLOW_PRIVATE": "true"}
"""The receivers of the pages are on this machine."""

PAGES = {
    str(page.relative_to(ROOT)): steps
    for page, steps in ((page, read_steps(page)) for page in DOCUMENTS)
    if any(step.kind == "run" for step in steps) and page.name != "README.md"
}


@pytest.fixture(scope="module")
def up() -> Iterator[RunningUp]:
    """The whole service."""
    with running_up(**ALLOWED) as running:
        yield running


@pytest.mark.parametrize("name", PAGES)
def test_code_of_page_runs(name: str, up: RunningUp, tmp_path: Path) -> None:
    for pictures in (ROOT / "docs" / "images", ROOT / "demo" / "pictures"):
        for picture in pictures.glob("*.*g"):
            shutil.copy(picture, tmp_path)
    # As it is installed alone.
    (tmp_path / "paintjob_client").symlink_to(ROOT / "service" / "client")
    settings = {"PAINTJOB_DATA_DIR": str(up.data_dir), "SERVICE": up.url}
    environ = make_desk(tmp_path, {**ALLOWED, **settings})
    follow(PAGES[name], tmp_path, environ, {"8080": str(urlsplit(up.url).port)})
