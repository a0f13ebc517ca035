"""Animations of one frame, and JPEG files as camera software leaves them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from tests.support.corpus.cases import (
    HEIGHT,
    UNDECODABLE,
    UNSUPPORTED,
    WIDTH,
    Case,
    make_files,
    make_picture,
    see_with_pillow,
)
from tests.support.files import append_to_png, insert_in_png, make_chunk, make_segment, make_webp
from tests.support.pictures import encode, make_alpha


def list_stills() -> Iterator[Case]:
    """Yield animations of one frame, which are stills, and such as are none."""
    rgb = make_picture()
    png, control = encode(rgb), make_chunk(b"acTL", struct.pack(">II", 1, 0))
    fields = struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0)
    frame = make_chunk(b"fcTL", fields)
    yield Case("png of one frame", insert_in_png(png, control, frame), pixels=rgb)
    apart = append_to_png(insert_in_png(png, control), frame, make_chunk(b"fdAT", bytes(4)))
    yield Case("png whose only frame is stored apart", apart, UNSUPPORTED)
    for count in (0, 2):
        control = make_chunk(b"acTL", struct.pack(">II", count, 0))
        yield Case(f"png of {count} frames", insert_in_png(png, control, frame), UNSUPPORTED)
    rgba = np.dstack((rgb, make_alpha(WIDTH, HEIGHT)))
    for name, pixels in (("webp", rgb), ("webp with alpha", rgba)):
        for options in ({"lossless": True}, {"quality": 80}):
            still = encode(pixels, "WEBP", exact=True, **options)
            data = make_animation(still, has_alpha=pixels is rgba)
            yield Case(f"{name} of one frame, {options}", data, pixels=see_with_pillow(still))
    still = make_files()["webp"]
    yield Case("webp of two frames", make_animation(still, count=2), UNSUPPORTED)
    yield Case("webp of one frame off its corner", make_animation(still, left=2), UNDECODABLE)
    yield Case("webp of one frame without a picture", make_webp((b"ANMF", bytes(16))), UNDECODABLE)


def make_animation(
    still: bytes, *, count: int = 1, left: int = 0, has_alpha: bool = False
) -> bytes:
    """Return a WebP that shows a still picture as each of its frames."""
    body = still[12:]
    body = body[18:] if body.startswith(b"VP8X") else body
    size = b"".join((side - 1).to_bytes(3, "little") for side in (WIDTH, HEIGHT))
    frame = (left // 2).to_bytes(3, "little") + bytes(3) + size + bytes(4) + body
    flags = bytes((0x12 if has_alpha else 0x02, 0, 0, 0))
    return make_webp((b"VP8X", flags + size), (b"ANIM", bytes(6)), *[(b"ANMF", frame)] * count)


def list_untidy() -> Iterator[Case]:
    """Yield JPEG files with bytes between segments, which decoders skip."""
    jpeg = make_files()["jpeg"]
    pixels, frame = see_with_pillow(jpeg), jpeg.index(b"\xff\xc0")
    first = 4 + struct.unpack(">H", jpeg[4:6])[0]
    for name, stray in {
        "zeros": bytes(3),
        "a segment whose marker lost its first byte": b"\x00\xe1\x00\x08Exif\0\0",
        "an escaped FF": b"\xff\x00\xff\x00abc",
        "many bytes": bytes(100_000),
        "fill bytes behind them": b"abc" + b"\xff" * 9,
    }.items():
        for place in (first, frame):
            data = jpeg[:place] + stray + jpeg[place:]
            yield Case(f"jpeg with {name} at {place}", data, pixels=pixels)
    flood = jpeg[:first] + bytes(1024 * 1024 + 1) + jpeg[first:]
    yield Case("jpeg with a megabyte between segments", flood, UNDECODABLE)
    zero = jpeg[:first] + b"\xff\xe5\0\0" + jpeg[first:]
    yield Case("jpeg with a segment of length 0", zero, UNDECODABLE)
    phone = jpeg[:first] + make_segment(0xE2, b"MPF\0" + bytes(80)) + jpeg[first:]
    pieces = make_segment(0xEB, b"JP" + bytes(60_000)) * 3
    yield Case("jpeg with segments of phones", phone[:2] + pieces + phone[2:], pixels=pixels)
