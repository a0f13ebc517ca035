"""Made graphics with a hole, and what is right under it. Every one takes a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.support.scenes import Pixels, Scene

WIDTH: Final = 420
HEIGHT: Final = 300

Box = tuple[int, int, int, int]


def cut_box(truth: Pixels, box: Box) -> Scene:
    """Return a scene whose hole is a box: left, top, right, bottom."""
    mask = np.zeros(truth.shape[:2], np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 255
    return Scene(truth, mask, mask)


def _colors(seed: int, count: int) -> list[tuple[int, int, int]]:
    """Return colors that differ from each other."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, int, int]] = []
    while len(found) < count:
        red, green, blue = (int(value) for value in rng.integers(20, 250, 3))
        if all(abs(red - r) + abs(green - g) + abs(blue - b) > 120 for r, g, b in found):
            found.append((red, green, blue))
    return found


def make_page(seed: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a page with a header, a panel and lines of text, without what is in the way."""
    header, ink = _colors(seed, 2)
    page = Image.new("RGB", (WIDTH, HEIGHT), (250, 250, 252))
    draw = ImageDraw.Draw(page)
    draw.rectangle([0, 0, WIDTH, 40], fill=header)
    draw.rectangle([20, 60, 150, 290], fill=(228, 232, 240), outline=(150, 156, 170))
    font = ImageFont.load_default(size=13)
    for row in range(8):
        draw.text((30, 70 + row * 26), f"Item {row * 7 + seed}", fill=ink, font=font)
        draw.text((170, 64 + row * 26), "the quick brown fox", fill=(30, 30, 34), font=font)
    return page, draw


def make_button(seed: int) -> Scene:
    """Return a page whose button, with words on it, is to go: the page is right."""
    rng = np.random.default_rng(seed)
    page, _ = make_page(seed)
    left, top = int(rng.integers(310, 340)), int(rng.integers(70, 240))
    return cut_box(np.array(page), (left, top, left + 70, top + 36))


def make_header(seed: int) -> Scene:
    """Return a page with a hole over the lower edge of its header."""
    rng = np.random.default_rng(seed)
    page, _ = make_page(seed)
    left = int(rng.integers(20, 340))
    return cut_box(np.array(page), (left, 22, left + int(rng.integers(20, 60)), 56))


def make_panel(seed: int) -> Scene:
    """Return a page with a hole over the outlined right edge of its panel, between words."""
    rng = np.random.default_rng(seed)
    page, _ = make_page(seed)
    top = int(rng.integers(80, 200))
    return cut_box(np.array(page), (120, top, 164, top + int(rng.integers(30, 80))))


def make_corner(seed: int) -> Scene:
    """Return a drawn box with a hole over one of its corners."""
    rng = np.random.default_rng(seed)
    ground, inside, line = _colors(seed, 3)
    picture = Image.new("RGB", (WIDTH, HEIGHT), ground)
    left, top = int(rng.integers(80, 160)), int(rng.integers(60, 120))
    right, bottom = left + int(rng.integers(120, 200)), top + int(rng.integers(100, 150))
    outline = [left, top, right, bottom]
    ImageDraw.Draw(picture).rectangle(outline, inside, line, int(rng.integers(1, 5)))
    x, y = (left, right)[seed % 2], (top, bottom)[seed // 2 % 2]
    reach = int(rng.integers(12, 26))
    return cut_box(np.array(picture), (x - reach, y - reach - 3, x + reach + 5, y + reach))


def make_slope(seed: int) -> Scene:
    """Return two areas with a slanted, jagged edge between them, and a hole over it."""
    rng = np.random.default_rng(seed)
    one, other = _colors(seed, 2)
    picture = Image.new("RGB", (WIDTH, HEIGHT), one)
    tilt = rng.uniform(-1.2, 1.2) * HEIGHT / 2
    edge = [(0, HEIGHT / 2 + tilt), (WIDTH, HEIGHT / 2 - tilt), (WIDTH, HEIGHT), (0, HEIGHT)]
    ImageDraw.Draw(picture).polygon(edge, fill=other)
    reach = int(rng.integers(12, 50))
    x, y = WIDTH // 2, HEIGHT // 2
    return cut_box(np.array(picture), (x - reach, y - reach, x + reach, y + reach))


def make_table(seed: int) -> Scene:
    """Return the rules of an empty table, and a hole over some of them."""
    rng = np.random.default_rng(seed)
    truth = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    truth[20:280:26] = truth[20:280, 30:390:70] = (200, 204, 212)
    truth[:, :8] = truth[:, WIDTH - 8 :] = 255
    left, top = int(rng.integers(70, 220)), int(rng.integers(60, 150))
    return cut_box(truth, (left, top, left + 90, top + 66))


GRAPHICS: Final[dict[str, Callable[[int], Scene]]] = {
    "button": make_button,
    "header": make_header,
    "panel": make_panel,
    "corner": make_corner,
    "slope": make_slope,
    "table": make_table,
}
