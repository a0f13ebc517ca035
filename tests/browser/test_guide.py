"""The guide in a browser: it can be used by all, on a phone too, and its search finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.playground import PHONE, Playground, need_packages

DESK = {"viewport": {"width": 1280, "height": 800}}
PAGES = ("guide/", "guide/choosing", "guide/recipes/receivers", "guide/errors", "errors/hung")

Open = Callable[..., Playground]


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Open]:
    """Return a function that opens a tab; fails a test after which a console has complaints."""
    tabs = []

    def open_tab(**settings: object) -> Playground:
        tab = Playground(browser.new_context(**settings).new_page())  # type: ignore[arg-type]
        tabs.append(tab)
        return tab

    yield open_tab
    for tab in tabs:
        tab.page.context.close()
    assert [tab.complaints for tab in tabs] == [[] for _ in tabs]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_guide(open_tab: Open, service_url: str, scheme: str) -> None:
    need_packages()
    tab = open_tab(color_scheme=scheme, **(PHONE if scheme == "dark" else DESK))
    for path in PAGES:
        tab.page.goto(f"{service_url}/{path}")
        assert tab.find_violations() == [], path


def test_search_leads_to_a_section(open_tab: Open, service_url: str) -> None:
    page = open_tab(**DESK).page
    page.goto(f"{service_url}/guide/")
    page.keyboard.press("/")
    page.keyboard.type("scratched photo mask")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("Restore a scratched photo")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/guide/recipes/scratches*")
    search = page.get_by_role("combobox")
    search.fill("nothing is called like this: xyzzy")
    expect(page.locator("#found")).to_contain_text("Nothing found")
    search.press("Escape")
    expect(page.locator("#found")).to_be_hidden()


def test_chosen_theme_outlasts_the_page(open_tab: Open, service_url: str) -> None:
    page = open_tab(color_scheme="light", **DESK).page
    page.goto(f"{service_url}/guide/start")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_label("Dark or light").click()
    dark = page.evaluate(ground)
    page.get_by_role("link", name="Masks, regions, sizes").first.click()
    page.wait_for_url("**/guide/geometry")
    assert light != dark == page.evaluate(ground)


def test_contents_open_on_a_phone(open_tab: Open, service_url: str) -> None:
    page = open_tab(**PHONE).page
    page.goto(f"{service_url}/guide/pictures")
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide, "tables and code scroll by themselves, the page does not"
    link = page.get_by_role("link", name="Runbooks", exact=True)
    expect(link).to_be_hidden()
    page.get_by_label("Contents").click()
    link.click()
    page.wait_for_url("**/guide/runbooks")


def test_guide_works_below_a_prefix(open_tab: Open, service_url: str) -> None:
    tab = open_tab(**DESK)
    prefix, strays = f"{service_url}/tools/paint", list[str]()

    def strip(route: Route) -> None:
        if route.request.url.startswith(prefix):
            route.continue_(url=route.request.url.replace("/tools/paint", "", 1))
        else:
            strays.append(route.request.url)
            route.abort()

    tab.page.route(f"{service_url}/**", strip)
    for path in ("guide/", "guide/recipes/square", "errors/hung"):
        tab.page.goto(f"{prefix}/{path}")
        tab.page.get_by_role("combobox").fill("webhook")
        expect(tab.page.get_by_role("option").first).to_be_visible()
    assert strays == []
