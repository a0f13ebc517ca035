"""One browser and one service for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.deployment import running_up
from tests.support.playground import Playground, running_chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_chromium() as found:
        yield found


@pytest.fixture(scope="session")
def service_url(browser: Browser) -> Iterator[str]:
    """A whole service with the weight-free methods; not started where there is no browser."""
    with running_up() as up:
        yield up.url


@pytest.fixture
def playground(browser: Browser, service_url: str) -> Iterator[Playground]:
    """The page, open; fails a test after which the console has complaints."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = Playground(context.new_page())
    opened.open(service_url)
    yield opened
    context.close()
    assert opened.complaints == []
