"""Files that are cut, flipped, of odd sizes, or of several frames."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

from tests.support.corpus.cases import (
    HEIGHT,
    INVALID,
    TOO_LARGE,
    UNDECODABLE,
    UNSUPPORTED,
    WIDTH,
    Case,
    make_files,
    make_gray,
    put,
    see_with_pillow,
)
from tests.support.files import (
    extend_webp,
    make_png,
)
from tests.support.pictures import encode, make_image


def list_cut() -> Iterator[Case]:
    """Yield files cut at every 5 percent, and files that lack their end alone."""
    for name, data in make_files().items():
        for percent in range(0, 100, 5):
            cut = data[: len(data) * percent // 100]
            yield Case(f"{name} cut at {percent} %", cut, UNDECODABLE | UNSUPPORTED)
    files = make_files()
    yield Case("png without IEND", files["png"][:-12], UNDECODABLE)
    yield Case("jpeg without EOI", files["jpeg"][:-2], UNDECODABLE)
    yield Case("jpeg progressive without EOI", files["jpeg progressive"][:-2], UNDECODABLE)
    yield Case("webp without its last byte", files["webp"][:-1], UNDECODABLE)


def list_flipped() -> Iterator[Case]:
    """Yield files with one to three bits of their headers flipped; they may still be pictures."""
    any_code = UNDECODABLE | UNSUPPORTED | INVALID | TOO_LARGE
    for name, data in make_files().items():
        generator = random.Random(name)
        for number in range(30):
            damaged = bytearray(data)
            for _ in range(generator.randint(1, 3)):
                damaged[generator.randrange(min(200, len(data)))] ^= 1 << generator.randrange(8)
            yield Case(f"{name} flipped {number}", bytes(damaged), any_code, may_pass=True)


def list_sizes() -> Iterator[Case]:
    """Yield pictures of odd sizes, declared and real."""
    pixel = np.zeros((1, 1), np.uint8)
    yield Case("empty file", b"", UNSUPPORTED)
    for width, height in ((1, 1), (1, 7), (7, 1), (31_000, 1), (1, 31_000)):
        pixels = np.full((height, width), 9, np.uint8)
        yield Case(f"{width}x{height}", encode(pixels), pixels=pixels)
    yield Case("65536x1", encode(np.zeros((1, 65_536), np.uint8)), TOO_LARGE)
    yield Case("png 0x0", make_png(pixel, 0, size=(0, 0)), UNDECODABLE)
    yield Case("png 0 wide", make_png(pixel, 0, size=(0, 64)), UNDECODABLE)
    declared = make_png(pixel, 2, size=(100_000, 100_000))
    yield Case("png declares 100000x100000", declared, TOO_LARGE)
    declared = make_png(pixel, 2, size=(2**32 - 1, 2**32 - 1))
    yield Case("png declares 2^32 - 1", declared, TOO_LARGE)
    jpeg = make_files()["jpeg"]
    frame = jpeg.index(b"\xff\xc0") + 5
    yield Case("jpeg declares 65535x65535", put(jpeg, frame, b"\xff" * 4), TOO_LARGE)
    yield Case("jpeg 0 high", put(jpeg, frame, b"\0\0"), UNDECODABLE)
    vast = (2**24 - 1).to_bytes(3, "little") * 2
    webp = extend_webp(make_files()["webp"], WIDTH, HEIGHT, 0)
    yield Case("webp lies about a vast canvas", put(webp, 24, vast), UNDECODABLE)
    webp = extend_webp(make_files()["webp"], WIDTH + 1, HEIGHT, 0)
    yield Case("webp lies about its canvas by 1", webp, UNDECODABLE)
    taller = make_png(make_gray(), 0, size=(WIDTH, HEIGHT + 1))
    yield Case("png declares a row too many", taller, UNDECODABLE, may_pass=True)


def list_frames() -> Iterator[Case]:
    """Yield files of several frames, and of formats that are not taken."""
    frames = [make_image("RGB", WIDTH, HEIGHT, seed) for seed in (1, 2)]
    for name in ("PNG", "WEBP", "GIF", "TIFF"):
        data = encode(frames[0], name, save_all=True, append_images=frames[1:])
        yield Case(f"{name} of two frames", data, UNSUPPORTED)
    for name in ("GIF", "BMP", "ICO", "PPM", "JPEG2000"):
        yield Case(name, encode(frames[0], name), UNSUPPORTED)
    yield Case("text", b"not a picture", UNSUPPORTED)
    yield Case("html", b"<!doctype html><img src=x onerror=alert(1)>", UNSUPPORTED)
    yield Case("svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', UNSUPPORTED)
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    first = encode(frames[0], "JPEG")
    yield Case("phone jpeg of two pictures", data, pixels=see_with_pillow(first))
    flagged = extend_webp(make_files()["webp"], WIDTH, HEIGHT, 0x02)
    yield Case("webp with the flag of animation alone", flagged, UNSUPPORTED)
