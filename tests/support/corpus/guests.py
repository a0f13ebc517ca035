"""Files that carry something else along: texts, archives, profiles, EXIF."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from tests.support.corpus.cases import (
    HEIGHT,
    INVALID,
    WIDTH,
    Case,
    make_files,
    make_picture,
    see_with_pillow,
    turn_by_pillow,
)
from tests.support.files import (
    append_to_png,
    extend_webp,
    insert_in_jpeg,
    insert_in_png,
    make_chunk,
    make_exif,
    make_orientation,
    make_segment,
)


def list_guests() -> Iterator[Case]:
    """Yield pictures that carry something else along."""
    rgb, files = make_picture(), make_files()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("secret.txt", "secret")
    for name, data in files.items():
        pixels = see_with_pillow(data)
        yield Case(f"{name} with garbage behind", data + b"garbage" * 99, pixels=pixels)
        yield Case(f"{name} with an archive behind", data + archive.getvalue(), pixels=pixels)
    html = make_segment(0xFE, b"<html><script>alert(1)</script>")
    jpeg = insert_in_jpeg(files["jpeg"], html)
    pixels = see_with_pillow(files["jpeg"])
    yield Case("jpeg that is a web page", jpeg + b"</html>", pixels=pixels)
    fields = make_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'/>")
    yield Case("jpeg turned by XMP alone", insert_in_jpeg(jpeg, fields), pixels=pixels)
    bomb = zlib.compress(bytes(48 * 1024 * 1024), 9)
    texts = {
        "tEXt of 4 MB": make_chunk(b"tEXt", b"key\0" + b"x" * 4_000_000),
        "zTXt bomb": make_chunk(b"zTXt", b"key\0\0" + bomb),
        "iTXt bomb": make_chunk(b"iTXt", b"key\0\1\0\0\0" + bomb),
        "XMP": make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='6'/>"),
        "zTXt broken": make_chunk(b"zTXt", b"key\0\0broken"),
        "iTXt broken": make_chunk(b"iTXt", b"key"),
        "tIME broken": make_chunk(b"tIME", b"1"),
        "pHYs broken": make_chunk(b"pHYs", b"1"),
        "gAMA broken": make_chunk(b"gAMA", b"1"),
        "iCCP broken": make_chunk(b"iCCP", b"name\0\0broken"),
        "iCCP without name": make_chunk(b"iCCP", b"x"),
    }
    for name, chunk in texts.items():
        yield Case(f"{name} before the pixels", insert_in_png(files["png"], chunk), pixels=rgb)
        yield Case(f"{name} behind the pixels", append_to_png(files["png"], chunk), pixels=rgb)
    yield from _list_profiles(bomb)


def _list_profiles(bomb: bytes) -> Iterator[Case]:
    files = make_files()
    large = np.random.default_rng(0).bytes(1024 * 1024 + 1)
    chunk = make_chunk(b"iCCP", b"name\0\0" + zlib.compress(large))
    yield Case("png with a huge profile", insert_in_png(files["png"], chunk), INVALID)
    chunk = make_chunk(b"iCCP", b"name\0\0" + bomb)
    yield Case("png with a bomb of a profile", insert_in_png(files["png"], chunk), INVALID)
    chunk = make_chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(6_000_000), 0))
    yield Case("png with a stored profile", insert_in_png(files["png"], chunk), INVALID)
    parts = [large[at : at + 65_000] for at in range(0, len(large), 65_000)]
    segments = [
        make_segment(0xE2, b"ICC_PROFILE\0" + bytes((index + 1, len(parts))) + part)
        for index, part in enumerate(parts)
    ]
    yield Case("jpeg with a huge profile", insert_in_jpeg(files["jpeg"], *segments), INVALID)
    pixels = see_with_pillow(files["jpeg"])
    few = insert_in_jpeg(files["jpeg"], *segments[1:4])
    yield Case("jpeg with parts of a profile", few, pixels=pixels)
    webp = extend_webp(files["webp"], WIDTH, HEIGHT, 0x20, (b"ICCP", large))
    yield Case("webp with a huge profile", webp, INVALID)
    huge = append_to_png(files["png"], make_chunk(b"eXIf", make_exif() + large))
    yield Case("png with a huge EXIF", huge, INVALID)


def list_orientations() -> Iterator[Case]:
    """Yield every orientation, allowed or not, in every place that it can stand in."""
    files = make_files()
    for value in range(10):
        exif = make_orientation(value)
        yield from _place_exif(f"orientation {value}", exif, value if value < 9 else 1)
    little = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    yield from _place_exif("orientation 6, little-endian", little, 6)
    long = make_exif((0x0112, 4, 1, struct.pack(">I", 6)))
    yield from _place_exif("orientation 6 in 4 bytes", long, 6)
    for name, exif in {
        "empty EXIF": b"",
        "EXIF of garbage": b"garbage" * 9,
        "EXIF cut": make_orientation(6)[:12],
        "EXIF that points behind itself": b"MM\0*\xff\xff\xff\xff",
        "EXIF with 65535 fields": b"MM\0*\0\0\0\x08\xff\xff" + bytes(500),
        "orientation as text": make_exif((0x0112, 2, 2, b"6\0")),
    }.items():
        yield from _place_exif(name, exif, 1)
    pixels = turn_by_pillow(see_with_pillow(files["jpeg"]), 6)
    twice = [make_segment(0xE1, b"Exif\0\0" + make_orientation(value)) for value in (6, 3)]
    yield Case("two EXIF segments", insert_in_jpeg(files["jpeg"], *twice), pixels=pixels)


def _place_exif(name: str, exif: bytes, orientation: int) -> Iterator[Case]:
    files = make_files()
    chunk, segment = make_chunk(b"eXIf", exif), make_segment(0xE1, b"Exif\0\0" + exif)
    webp = extend_webp(files["webp"], WIDTH, HEIGHT, 0x08, (b"EXIF", exif))
    prefixed = extend_webp(files["webp"], WIDTH, HEIGHT, 0x08, (b"EXIF", b"Exif\0\0" + exif))
    for place, kind, data in (
        ("png before the pixels", "png", insert_in_png(files["png"], chunk)),
        ("png behind the pixels", "png", append_to_png(files["png"], chunk)),
        ("jpeg", "jpeg", insert_in_jpeg(files["jpeg"], segment)),
        ("webp", "webp", webp),
        ("webp, prefixed", "webp", prefixed),
    ):
        expected = turn_by_pillow(see_with_pillow(files[kind]), orientation)
        yield Case(f"{name}, {place}", data, pixels=expected)
