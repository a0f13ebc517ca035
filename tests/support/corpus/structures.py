"""Files that are put together oddly."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from tests.support.corpus.cases import (
    HEIGHT,
    UNDECODABLE,
    WIDTH,
    Case,
    make_files,
    make_gray,
    make_picture,
    put,
    see_with_pillow,
)
from tests.support.files import (
    extend_webp,
    insert_in_png,
    make_chunk,
    make_png,
    make_webp,
    pack_rows,
)
from worker.imaging import ImageArray


def list_png_structures() -> Iterator[Case]:
    """Yield PNG files that are put together oddly."""
    rgb = make_picture()
    png, packed = make_png(rgb, 2), zlib.compress(pack_rows(rgb))
    interlaced = make_png(rgb, 2, interlaced=True)
    yield Case("interlaced", interlaced, pixels=rgb)
    yield Case("interlaced gray of 2 bits", *_interlaced_gray())
    data = png.index(b"IDAT") + 40
    yield Case("wrong check sum of the data", put(png, data, b"\0\1\2\3"), UNDECODABLE)
    text = make_chunk(b"tEXt", b"key\0value")
    wrong = text[:-4] + b"abcd"
    yield Case("wrong check sum of a text", insert_in_png(png, wrong), UNDECODABLE)
    whole = make_chunk(b"IDAT", packed)
    pieces = [make_chunk(b"IDAT", packed[at : at + 7]) for at in range(0, len(packed), 7)]
    yield Case("data in pieces of 7 bytes", png.replace(whole, b"".join(pieces)), pixels=rgb)
    empty = make_chunk(b"IDAT")
    yield Case("empty pieces of data", png.replace(whole, empty + whole + empty), pixels=rgb)
    torn = png.replace(whole, pieces[0] + text + b"".join(pieces[1:]))
    yield Case("data torn apart", torn, UNDECODABLE)
    yield Case("no data", png.replace(whole, b""), UNDECODABLE)
    for name, bad in {
        "cut": packed[: len(packed) // 2],
        "without its check sum": packed[:-4],
        "with a wrong check sum": packed[:-4] + b"abcd",
        "of another picture, shorter": zlib.compress(pack_rows(rgb[:-1])),
        "that is no deflate": b"\xff" * 500,
        "with an unknown filter": zlib.compress(b"\x07" + pack_rows(rgb)[1:]),
        "empty": b"",
    }.items():
        yield Case(f"data {name}", make_png(rgb, 2, data=bad), UNDECODABLE, may_pass=True)
    longer = zlib.compress(pack_rows(rgb) + bytes(5000))
    yield Case("data longer than the picture", make_png(rgb, 2, data=longer), pixels=rgb)
    for kind in (b"CgBI", b"ABCD", b"PLTE"):
        odd = insert_in_png(png, make_chunk(kind, bytes(6)), make_chunk(kind, bytes(6)))
        yield Case(f"{kind.decode()} twice", odd, UNDECODABLE)
    yield Case("two headers", png[:33] + png[8:], UNDECODABLE)
    yield Case("palette as a hint", insert_in_png(png, make_chunk(b"PLTE", bytes(6))), pixels=rgb)
    yield Case("compression 1", _with_header(png, 26, 1), UNDECODABLE)
    yield Case("interlace 2", _with_header(png, 28, 2), UNDECODABLE)
    yield Case("color type 5", _with_header(png, 25, 5), UNDECODABLE)


def list_jpeg_structures() -> Iterator[Case]:
    """Yield JPEG files that are put together oddly."""
    jpeg = make_files()["jpeg"]
    pixels = see_with_pillow(jpeg)
    filled = jpeg[:2] + b"\xff" * 40 + jpeg[2:]
    yield Case("fill bytes", filled, pixels=pixels)
    frame, scan = jpeg.index(b"\xff\xc0"), jpeg.index(b"\xff\xda")
    yield Case("no frame", jpeg[:frame] + jpeg[scan:], UNDECODABLE)
    yield Case("no scan", jpeg[:scan] + jpeg[-2:], UNDECODABLE)
    yield Case("two channels", put(jpeg, frame + 9, b"\x02"), UNDECODABLE)
    tables = jpeg.index(b"\xff\xc4")
    # Every decoder knows the usual tables: motion JPEG leaves them out.
    yield Case("no Huffman tables", jpeg[:tables] + jpeg[scan:], pixels=pixels)
    other = jpeg[:tables] + jpeg[scan : scan + 100] + jpeg[-2:]
    yield Case("data cut, end marker kept", other, pixels=see_with_pillow(other))
    progressive = make_files()["jpeg progressive"]
    last = progressive.rindex(b"\xff\xda")
    bomb = progressive[:last] + progressive[last:-2] * 150 + progressive[-2:]
    yield Case("150 scans", bomb, UNDECODABLE)


def list_webp_structures() -> Iterator[Case]:
    """Yield WebP files that are put together oddly."""
    files = make_files()
    for name in ("webp", "webp lossless"):
        data = files[name]
        kind, body = data[12:16], data[20 : 20 + struct.unpack("<I", data[16:20])[0]]
        pixels = see_with_pillow(data)
        for offset in (-100, -3, 2, 1000):
            wrong = make_webp((kind, body), size=len(data) - 8 + offset)
            yield Case(f"{name}, RIFF size off by {offset}", wrong, UNDECODABLE)
        cut = make_webp((kind, body[: len(body) // 2]))
        yield Case(f"{name}, data cut, lengths right", cut, UNDECODABLE, may_pass=True)
        unknown = make_webp((kind, body), (b"ABCD", b"guest"))
        yield Case(f"{name} with an unknown chunk", unknown, pixels=pixels)
        extended = extend_webp(data, WIDTH, HEIGHT, 0)
        yield Case(f"{name} in the extended format", extended, pixels=pixels)
    yield Case("webp without a picture", make_webp((b"ABCD", b"guest")), UNDECODABLE)
    yield Case("webp of nothing", make_webp(), UNDECODABLE)


def _with_header(png: bytes, position: int, value: int) -> bytes:
    """Change one byte of a PNG's header, and its check sum with it."""
    changed = put(png, position, bytes([value]))
    return put(changed, 29, struct.pack(">I", zlib.crc32(changed[12:29])))


def _interlaced_gray() -> tuple[bytes, frozenset[str], ImageArray]:
    samples = make_gray(4)
    data = make_png(samples, 0, depth=2, interlaced=True)
    return data, frozenset(), samples * np.uint8(85)
