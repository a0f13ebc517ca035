"""Files of the kinds whose pixels the worker alone decodes: AVIF, HEIC and TIFF."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image

from tests.support.corpus.cases import (
    HEIGHT,
    INVALID,
    TOO_LARGE,
    UNDECODABLE,
    UNSUPPORTED,
    WIDTH,
    Case,
    make_gray,
    make_picture,
    put,
    see_with_pillow,
    turn_by_pillow,
)
from tests.support.files import make_exif, make_orientation
from tests.support.heif import ALPHA, DEEP, ODD, PLAIN, add_property, find_box, make_box
from tests.support.pictures import encode, make_alpha, make_image, make_profile
from worker.imaging import ImageArray

_TURNS = {8: (1, None), 3: (2, None), 6: (3, None), 4: (0, 0), 2: (0, 1), 5: (1, 0), 7: (1, 1)}
"""Quarters counterclockwise and axis of a mirror, by orientation."""


def make_avifs() -> dict[str, bytes]:
    """Return AVIF files in which nothing is wrong."""
    rgba = np.dstack((make_picture(), make_alpha(WIDTH, HEIGHT)))
    files = {
        f"avif {name}": encode(make_picture(), "AVIF", quality=80, subsampling=name)
        for name in ("4:4:4", "4:2:0", "4:0:0")
    }
    options = {"exif": b"Exif\0\0" + make_exif((0x0110, 2, 7, b"Camera\0"))}
    return files | {
        "avif alpha": encode(rgba, "AVIF", quality=80),
        "avif with a profile": encode(make_picture(), "AVIF", icc_profile=make_profile()),
        "avif with EXIF": encode(make_picture(), "AVIF", **options),
    }


def make_tiffs() -> dict[str, bytes]:
    """Return TIFF files in which nothing is wrong."""
    files = {
        f"tiff {mode}": encode(make_image(mode, WIDTH, HEIGHT), "TIFF")
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
    }
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        files[f"tiff {packing}"] = encode(make_picture(), "TIFF", compression=packing)
    scan = make_image("1", WIDTH, HEIGHT)
    files["tiff scan"] = encode(scan, "TIFF", compression="group4")
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    files["tiff with texts"] = encode(make_picture(), "TIFF", exif=exif, icc_profile=make_profile())
    files["tiff big-endian"] = _make_tiff(make_gray(), order=">")
    files["tiff in strips"] = _make_tiff(make_gray(), rows=7)
    return files


def _make_tiff(
    gray: ImageArray,
    *,
    order: str = "<",
    rows: int = HEIGHT,
    odd: Mapping[str, int] = MappingProxyType({}),
) -> bytes:
    """Return an uncompressed gray TIFF; `odd` has other values of its fields by name."""
    starts = list(range(0, HEIGHT, rows))
    strips = [gray[start : start + rows].tobytes() for start in starts]
    values: dict[int, list[int]] = {
        256: [odd.get("width", WIDTH)],
        257: [odd.get("height", HEIGHT)],
        258: [odd.get("bits", 8)],
        259: [odd.get("compression", 1)],
        262: [odd.get("photometric", 1)],
        273: [],
        277: [odd.get("samples", 1)],
        278: [rows],
        279: [len(strip) for strip in strips],
    }
    count = len(values)
    behind = 8 + 2 + 12 * count + 4
    pixels = behind + 8 * len(strips)
    values[273] = [pixels + start * WIDTH + odd.get("off", 0) for start in starts]
    table, long = b"", b""
    for tag, numbers in values.items():
        data = struct.pack(f"{order}{len(numbers)}I", *numbers)
        place = struct.pack(order + "I", behind + len(long))
        table += struct.pack(order + "HHI", tag, 4, len(numbers))
        table += data if len(data) == 4 else place
        long += data if len(data) > 4 else b""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "IH", 8, count) + table
    following = struct.pack(order + "I", odd.get("following", 0))
    return (head + following + long).ljust(pixels, b"\0") + b"".join(strips)


def list_flipped() -> Iterator[Case]:
    """Yield files with one to three bits flipped anywhere; they may still be pictures."""
    codes = UNDECODABLE | UNSUPPORTED | INVALID | TOO_LARGE
    for name, data in {**make_avifs(), "heic": PLAIN, "heic alpha": ALPHA, **make_tiffs()}.items():
        generator = random.Random(name)
        for number in range(30):
            damaged = bytearray(data)
            for _ in range(generator.randint(1, 3)):
                damaged[generator.randrange(min(600, len(data)))] ^= 1 << generator.randrange(8)
            yield Case(f"{name} flipped {number}", bytes(damaged), codes, may_pass=True)


def list_avifs() -> Iterator[Case]:
    """Yield AVIF files, whole ones and others."""
    files = make_avifs()
    for name, data in files.items():
        yield Case(name, data, pixels=see_with_pillow(data))
    plain = files["avif 4:4:4"]
    for orientation in range(1, 9):
        exif = b"Exif\0\0" + make_orientation(orientation)
        data = encode(make_picture(), "AVIF", quality=80, subsampling="4:4:4", exif=exif)
        expected = turn_by_pillow(see_with_pillow(plain), orientation)
        yield Case(f"avif, orientation {orientation}", data, pixels=expected)
    frames = [make_image("RGB", WIDTH, HEIGHT, seed) for seed in (1, 2)]
    several = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    yield Case("avif of two frames", several, UNSUPPORTED)
    yield from _list_lies("avif", plain)
    config, _ = find_box(plain, b"av1C")
    yield Case("avif of 10 bits", put(plain, config + 10, b"\x40"), UNSUPPORTED)
    code = plain.index(b"nclx") + 4
    yield Case("avif of Display P3", put(plain, code, b"\0\x0c"), pixels=see_with_pillow(plain))


def list_heics() -> Iterator[Case]:
    """Yield HEIC files, whole ones and others."""
    for name, data in (("plain", PLAIN), ("alpha", ALPHA), ("odd", ODD)):
        yield Case(f"heic {name}", data, pixels=see_with_pillow(data))
    yield Case("heic of 10 bits", DEEP, UNSUPPORTED)
    upright = see_with_pillow(PLAIN)
    for orientation, (quarters, axis) in _TURNS.items():
        data = add_property(PLAIN, make_box(b"irot", bytes((quarters,)))) if quarters else PLAIN
        if axis is not None:
            data = add_property(data, make_box(b"imir", bytes((axis,))))
        expected = turn_by_pillow(upright, orientation)
        yield Case(f"heic, orientation {orientation}", data, pixels=expected)
    yield from _list_lies("heic", PLAIN)


def _list_lies(name: str, data: bytes) -> Iterator[Case]:
    """Yield HEIF files that contradict themselves."""
    place, _ = find_box(data, b"ispe")
    for width, height in ((WIDTH + 1, HEIGHT), (WIDTH, 1), (1, 1), (20_000, 20_000)):
        lie = put(data, place + 12, struct.pack(">II", width, height))
        codes = TOO_LARGE | UNDECODABLE
        yield Case(f"{name} declares {width}x{height}", lie, codes)
    for share in (20, 60, 90, 99):
        yield Case(f"{name} cut at {share} %", data[: len(data) * share // 100], UNDECODABLE)
    store, _ = find_box(data, b"pitm")
    lacking = put(data, store + 13, b"\x09")
    yield Case(f"{name} shows an item that it lacks", lacking, UNDECODABLE)
    moved = make_box(b"free", b"") * 5000
    yield Case(f"{name} of 5000 boxes", data + moved, UNDECODABLE)
    cut = add_property(data, make_box(b"clap", struct.pack(">8I", 48, 1, 32, 1, 0, 1, 0, 1)))
    if name == "heic":
        yield Case("heic cropped", cut, pixels=see_with_pillow(cut))
    else:
        yield Case("avif cropped", cut, UNSUPPORTED)
    large = make_box(b"colr", b"prof" + bytes(1024 * 1024 + 1))
    yield Case(f"{name} with a huge profile", add_property(data, large), INVALID)


def list_tiffs() -> Iterator[Case]:
    """Yield TIFF files, whole ones and others."""
    for name, data in make_tiffs().items():
        yield Case(name, data, pixels=see_with_pillow(data))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encode(make_picture(), "TIFF", exif=exif)
        expected = turn_by_pillow(make_picture(), orientation)
        yield Case(f"tiff, orientation {orientation}", data, pixels=expected)
    gray = make_gray()
    for name, odd, codes in (
        ("of 16 bits", {"bits": 16}, UNSUPPORTED),
        ("of CMYK", {"photometric": 5, "samples": 4}, UNSUPPORTED),
        ("of Lab", {"photometric": 8, "samples": 3}, UNSUPPORTED),
        ("with old JPEG", {"compression": 6}, UNSUPPORTED),
        ("vast", {"width": 2**31, "height": 2**31}, TOO_LARGE | UNDECODABLE),
        ("of no width", {"width": 0}, UNDECODABLE),
        ("of too many rows", {"height": HEIGHT + 1}, UNDECODABLE),
        ("whose pixels lie outside", {"off": 2**30}, UNDECODABLE),
        ("whose next page lies outside", {"following": 2**30}, UNDECODABLE),
    ):
        yield Case(f"tiff {name}", _make_tiff(gray, odd=odd), codes)
    looped = _make_tiff(gray, odd={"following": 8})
    yield Case("tiff whose next page is itself", looped, pixels=gray)
    yield Case("tiff cut", _make_tiff(gray)[:-1], UNDECODABLE)
    few = put(_make_tiff(gray), 8, struct.pack("<H", 600))
    yield Case("tiff of too many fields", few, UNDECODABLE)
