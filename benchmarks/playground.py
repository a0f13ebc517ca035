"""Measure the page at `/`: bytes, first paint, and frames while a large picture is painted on.

The service runs here, on the loopback interface, and so does a headless Chromium without a GPU.
"""

from __future__ import annotations

import statistics

import numpy as np
from playwright.sync_api import Browser

from tests.support.deployment import running_up
from tests.support.pictures import encode
from tests.support.playground import Playground, running_chromium

ROUNDS = 7
LARGE = (3000, 4000, 3)

_WATCH_FRAMES = """() => {
  window.frameTimes = [];
  let last = performance.now();
  const note = (now) => {
    window.frameTimes.push(now - last);
    last = now;
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}"""
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def measure_opening(browser: Browser, url: str) -> tuple[int, float]:
    """Return the bytes that opening the page takes, and milliseconds until the first paint."""
    context = browser.new_context()
    opened = Playground(context.new_page())
    opened.open(url)
    sizes = [request.sizes() for request in opened.requests]
    received = sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)
    first_paint: float = opened.page.evaluate(_FIRST_PAINT)
    context.close()
    return received, first_paint


def measure_frames(browser: Browser, url: str) -> list[float]:
    """Return the milliseconds of each frame while 12 megapixels are painted on, ascending."""
    picture = np.zeros(LARGE, np.uint8)
    picture[::7] = 90
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = Playground(context.new_page())
    opened.open(url)
    opened.choose(encode(picture))
    opened.page.evaluate(_WATCH_FRAMES)
    opened.drag([(0.1, 0.1), (0.9, 0.9), (0.1, 0.5), (0.9, 0.1)])
    frames: list[float] = opened.page.evaluate("window.frameTimes")
    context.close()
    return sorted(frames)


def main() -> None:
    """Print one line a figure."""
    with running_chromium() as browser, running_up() as up:
        openings = [measure_opening(browser, up.url) for _ in range(ROUNDS)]
        paints = [first_paint for _, first_paint in openings]
        frames = measure_frames(browser, up.url)
    print(f"bytes to open the page                 {openings[0][0]:>8}")
    print(f"first paint, median of {ROUNDS}, ms          {statistics.median(paints):>8.0f}")
    print(f"frame on 4000 x 3000, median, ms       {statistics.median(frames):>8.1f}")
    print(f"frame on 4000 x 3000, 95 %, ms         {frames[int(0.95 * len(frames))]:>8.1f}")


if __name__ == "__main__":
    main()
