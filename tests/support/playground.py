"""The page `/` in a headless Chromium, and what a user does on it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    FilePayload,
    Locator,
    Page,
    Request,
    sync_playwright,
)

from tests.support.patience import PATIENCE_SECONDS
from tests.support.pictures import encode
from tests.support.required import find_required

Pixels = npt.NDArray[np.uint8]
Point = tuple[float, float]

AXE = (
    Path(__file__).parents[2] / ".venv" / "playground" / "node_modules" / "axe-core" / "axe.min.js"
)
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


def need_packages() -> None:
    """Skip the test, and say so, where npm could not install; fail where it must have been."""
    if AXE.exists():
        return
    if "npm" in os.environ.get("TESTS_REQUIRE", "").split(","):
        pytest.fail("npm could not install the packages of the playground")
    pytest.skip("no npm packages in .venv/playground: `make playground` installs them")


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run the Chromium of the system until the block ends."""
    path = find_required("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Playground:
    """A tab with the page.

    Attributes:
        page: the tab.
        complaints: errors and warnings in the console, and exceptions.
        requests: all that was asked for.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, url: str) -> None:
        """Open the page, and wait until it knows what the service offers."""
        self.page.goto(url)
        self.page.locator("#method-hint:not(:empty)").wait_for()

    def choose(self, data: bytes, name: str = "picture.png") -> None:
        """Choose a picture by the page's own button."""
        chooser = self.page.locator(".stage input[accept='image/*']").first
        chooser.set_input_files(_describe(data, name))
        self.page.get_by_role("toolbar", name="View").wait_for()

    def place(self, share: Point) -> Point:
        """Return where a point of the picture lies in the window; 0..1 across and down."""
        # The picture is fitted: read where the page has put it.
        left, top, width, height = self.page.evaluate(
            """() => {
              const layers = document.querySelector('.layers');
              const stage = layers.getBoundingClientRect();
              const [left, top, width, height] =
                ['left', 'top', 'width', 'height'].map((name) => Number(layers.dataset[name]));
              return [stage.left + left, stage.top + top, width, height];
            }"""
        )
        return left + share[0] * width, top + share[1] * height

    def drag(self, points: Sequence[Point]) -> None:
        """Press the mouse at the first point of the picture, move it along, and release it."""
        [first, *rest] = [self.place(point) for point in points]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for x, y in rest:
            self.page.mouse.move(x, y, steps=6)
        self.page.mouse.up()

    def use(self, tool: str) -> None:
        """Choose a tool."""
        self.page.get_by_role("toolbar", name="Mask").get_by_label(tool).click()

    def save_mask(self) -> Pixels:
        """Return the mask as the page saves it."""
        with self.page.expect_download() as download:
            self.page.get_by_label("Save the mask").click()
        return read_pixels(Path(download.value.path()).read_bytes())

    def load_mask(self, mask: Pixels) -> None:
        """Load a mask by the page's own button."""
        self.page.get_by_label("Load a mask").set_input_files(_describe(encode(mask), "mask.png"))

    def paint(self) -> None:
        """Press Paint, and wait for the result."""
        self.page.get_by_role("button", name="Paint", exact=True).click()
        self.badge.wait_for()

    @property
    def badge(self) -> Locator:
        """The badge of the proof."""
        return self.page.locator(".badge")

    def download(self) -> bytes:
        """Return the result as the page saves it."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Download").click()
        return Path(download.value.path()).read_bytes()

    def find_violations(self) -> list[str]:
        """Return what axe finds to be inaccessible as the page is now."""
        # By the debugger, which the page's policy does not bind.
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run()")["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


def _describe(data: bytes, name: str) -> FilePayload:
    kind = "image/jpeg" if name.endswith("jpg") else "image/png"
    return {"name": name, "mimeType": kind, "buffer": data}


def read_pixels(data: bytes) -> Pixels:
    """Return a picture's pixels, as they are stored."""
    with Image.open(io.BytesIO(data)) as image:
        mode = "L" if image.mode in ("1", "L") else "RGB"
        return np.asarray(image.convert(mode))
