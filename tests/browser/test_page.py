"""The page itself: what it weighs, where it works, who may use it, and that all can."""

from __future__ import annotations

import filecmp
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.support.engines import build_patients
from tests.support.keys import make_key
from tests.support.pictures import picture
from tests.support.playground import PHONE, Playground, need_packages
from tests.support.server import running_server
from tests.support.stack import running_stack

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "service" / "api" / "playground" / "built"
MAX_BYTES = 300_000


def test_committed_build_is_that_of_the_sources(tmp_path: Path) -> None:
    need_packages()
    script = ROOT / "service" / "playground" / "build.sh"
    subprocess.run(["/bin/sh", str(script), str(tmp_path / "built")], cwd=ROOT, check=True)
    names = {path.relative_to(BUILT) for path in BUILT.rglob("*") if path.is_file()}
    again = tmp_path / "built"
    assert names == {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    _, different, failed = filecmp.cmpfiles(BUILT, again, [str(each) for each in names], False)
    assert (different, failed) == ([], []), "run `make playground`"


def test_page_is_small_and_comes_from_the_service_alone(browser: Browser, service_url: str) -> None:
    context = browser.new_context()
    opened = Playground(context.new_page())
    opened.open(service_url)
    assert all(request.url.startswith(service_url) for request in opened.requests)
    sizes = [request.sizes() for request in opened.requests]
    received = sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)
    assert received < MAX_BYTES
    # What was there before is asked for no more.
    opened.open(service_url)
    files = opened.page.evaluate(
        """() => performance.getEntriesByType('resource')
          .filter((each) => each.name.includes('/playground/'))
          .map((each) => each.transferSize)"""
    )
    assert len(files) >= 2
    assert not any(files)
    context.close()
    assert opened.complaints == []


def test_page_works_below_a_prefix(browser: Browser, service_url: str) -> None:
    context = browser.new_context()
    opened = Playground(context.new_page())
    prefix = f"{service_url}/tools/paint"

    def strip(route: Route) -> None:
        if route.request.url.startswith(prefix):
            route.continue_(url=route.request.url.replace("/tools/paint", "", 1))
        else:
            strays.append(route.request.url)
            route.abort()

    strays: list[str] = []
    context.route(f"{service_url}/**", strip)
    opened.open(f"{prefix}/")
    opened.page.get_by_role("button", name="Try a sample").click()
    opened.page.get_by_role("toolbar", name="Mask").wait_for()
    opened.drag([(0.5, 0.3), (0.5, 0.4)])
    opened.paint()
    context.close()
    assert (opened.complaints, strays) == ([], [])


def test_key_is_asked_for_progress_comes_and_cancel_ends_it(
    browser: Browser, broker_url: str, tmp_path: Path
) -> None:
    engines = f"{build_patients.__module__}:{build_patients.__name__}"
    settings = {"PAINTJOB_AUTH": "keys", "PAINTJOB_HTTP_WORKERS": "1"}
    with (
        running_stack(broker_url, tmp_path / "data") as stack,
        running_server(broker_url, tmp_path, **settings) as server,
    ):
        key = make_key(stack.store)
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        opened = Playground(context.new_page())
        page = opened.page
        page.goto(server.url)
        dialog = page.get_by_role("dialog", name="API key")
        for text in ("pj_wrong", key):
            expect(dialog).to_be_visible()
            dialog.get_by_label("Key").fill(text)
            dialog.get_by_role("button", name="Use the key").click()
        page.locator("#method-hint:not(:empty)").wait_for()
        expect(dialog).to_be_hidden()
        opened.choose(picture(96, 64))
        opened.drag([(0.4, 0.5), (0.6, 0.5)])
        page.get_by_role("button", name="Paint", exact=True).click()
        running = page.locator(".running")
        expect(running).to_contain_text("Waiting")
        stack.start_worker(engines=engines)
        expect(running).to_contain_text("Painting")
        expect(running).to_contain_text(re.compile(r"[1-9][0-9]? %"))
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("alert")).to_contain_text("Canceled.")
        page.get_by_role("button", name="Paint", exact=True).click()
        expect(running).to_contain_text("Painting")
        stack.release()
        expect(opened.badge).to_contain_text("0 changed")
        events = [request for request in opened.requests if "/events?" in request.url]
        assert len(events) == 2
        assert not any(key in request.url for request in opened.requests)
        context.close()
        assert all("status of 401" in each for each in opened.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, service_url: str, scheme: str) -> None:
    need_packages()
    small = PHONE if scheme == "dark" else {"viewport": {"width": 1280, "height": 800}}
    context = browser.new_context(color_scheme=scheme, **small)  # type: ignore[arg-type]
    opened = Playground(context.new_page())
    page = opened.page
    opened.open(service_url)
    assert opened.find_violations() == []
    page.get_by_role("button", name="Try a sample").click()
    page.get_by_role("toolbar", name="Mask").wait_for()
    page.get_by_text("More options").click()
    page.get_by_label("Seed").fill("-1")
    opened.drag([(0.5, 0.3), (0.5, 0.4)])
    page.get_by_role("button", name="Paint", exact=True).click()
    page.locator("#seed-fault").wait_for()
    assert opened.find_violations() == []
    page.get_by_label("Seed").fill("")
    page.get_by_text("Extend", exact=True).click()
    assert opened.find_violations() == []
    page.get_by_role("button", name="16:9").click()
    page.get_by_label("Variants").fill("2")
    opened.paint()
    assert opened.find_violations() == []
    page.get_by_role("button", name="Variant 1", exact=True).first.click()
    page.get_by_text("Copy as curl, Python or JavaScript").click()
    page.get_by_text("Details").click()
    assert opened.find_violations() == []
    page.get_by_role("button", name="API key").click()
    assert opened.find_violations() == []
    context.close()
