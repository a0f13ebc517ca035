"""Picture files that are small and could be expensive to read: bombs, overlaps, repetitions."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Mapping

from PIL import Image

from tests.support.heif import PLAIN

MIB = 1024 * 1024
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(
    data: bytes,
    *before: bytes,
    size: tuple[int, int] = (64, 64),
    color: int = 2,
    interlace: int = 0,
    depth: int = 8,
) -> bytes:
    """Build a PNG from compressed data and chunks before it."""
    basics = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlace)
    chunks = [chunk(b"IHDR", basics), *before, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return _SIGNATURE + b"".join(chunks)


def compress_zeros(length: int) -> bytes:
    """Return zeros, compressed a thousand times, without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush nothing refers back, so the same block can be repeated.
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(bytes(length % MIB)) + packer.flush()
    check_sum = (length % 65521) << 16 | 1
    return b"\x78\xda" + block * (length // MIB) + last + struct.pack(">I", check_sum)


def small_rows() -> bytes:
    """Return the compressed rows of a black picture of 64x64."""
    return zlib.compress(bytes(64 * (1 + 3 * 64)))


def plain_png(length: int) -> bytes:
    """Build a square PNG of noise, which has about so many bytes."""
    side = max(64, int((length / 3) ** 0.5))
    pixels = random.Random(length).randbytes(side * side * 3)
    rows = b"".join(
        b"\0" + pixels[start : start + 3 * side] for start in range(0, len(pixels), 3 * side)
    )
    return make_png(zlib.compress(rows, 1), size=(side, side))


def plain_mask(side: int) -> bytes:
    """Build a mask with a white box in its middle."""
    image = Image.new("L", (side, side), 0)
    image.paste(255, (side // 4, side // 4, side // 2, side // 2))
    return _save(image, "PNG")


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif_of_overlaps(length: int = MIB - 64) -> bytes:
    """Build EXIF whose every field has the same megabyte as its value."""
    count = min(4000, length // 24)
    head = b"II*\0" + struct.pack("<IH", 8, count)
    body = length - 8 - 2 - 12 * count
    fields = b"".join(
        struct.pack("<HHII", 0x8000 + index, 7, body, 10 + 12 * count) for index in range(count)
    )
    return head + fields + bytes(body)


def exif_of_directories() -> bytes:
    """Build EXIF of 16 directories that overlap and have 65,535 fields each."""
    count, size = 0xFFFF, MIB - 64
    data = bytearray(size)
    data[:8] = b"II*\0" + struct.pack("<I", 8)
    # Every twelve bytes read as a field, whichever directory they are read for.
    for place in range(8, size - 14, 12):
        data[place : place + 12] = struct.pack("<HHHHI", count, 1, 1, 0, 1)
    for index in range(15):
        offset = 8 + 12 * (index + 1)
        place = 10 + 12 * index
        data[place : place + 12] = struct.pack("<HHII", 0x8769, 4, 1, offset)
    return bytes(data)


def with_exif(exif: bytes) -> bytes:
    """Build a PNG that has this EXIF."""
    return make_png(small_rows(), chunk(b"eXIf", exif))


def webp_with(*parts: tuple[bytes, bytes], size: tuple[int, int] = (64, 64)) -> bytes:
    """Build a lossless WebP with further chunks."""
    still = _save(Image.new("RGB", size), "WEBP", lossless=True)[12:]
    across, down = (struct.pack("<I", side - 1)[:3] for side in size)
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + across + down
    further = b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in parts
    )
    body = b"WEBP" + extended + still + further
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_with(*segments: bytes, size: tuple[int, int] = (64, 64), **options: object) -> bytes:
    """Build a JPEG with further segments behind its start."""
    plain = _save(Image.new("L", size, 200), "JPEG", **options)
    return plain[:2] + b"".join(segments) + plain[2:]


def segment(marker: int, data: bytes) -> bytes:
    """Return one segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """Build a progressive JPEG of one gray tone that repeats its last scan."""
    plain = _save(Image.new("L", (side, side), 200), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    scan = plain[last:-2]
    return plain[:last] + scan * scans + plain[-2:]


def jpeg_of_channels(side: int, channels: int = 3) -> bytes:
    """Build a gray baseline JPEG whose channels come one after the other, of two bits a block."""
    frame = struct.pack(">BHHB", 8, side, side, channels)
    frame += b"".join(bytes((number + 1, 0x11, 0)) for number in range(channels))
    # Each table has one code, of one bit, for "nothing changes" and for "the block ends".
    tables = [segment(0xC4, bytes((kind, 1)) + bytes(16)) for kind in (0x00, 0x10)]
    start = [segment(0xDB, b"\0" + b"\1" * 64), segment(0xC0, frame), *tables]
    if channels == 4:
        start.insert(0, segment(0xEE, b"Adobe\0d\0\0\0\0\2"))
    data = bytes(-(-2 * (-(-side // 8)) ** 2 // 8))
    scans = [
        segment(0xDA, bytes((1, number + 1, 0, 0, 63, 0))) + data for number in range(channels)
    ]
    return b"\xff\xd8" + b"".join([*start, *scans]) + b"\xff\xd9"


def _repeated(kind: bytes, data: bytes, count: int) -> bytes:
    pair = chunk(kind, data) + chunk(b"tEXt", b"")
    return make_png(small_rows(), pair * count)


def _many_idats() -> bytes:
    rows = small_rows()
    basics = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", b"") * 32_000 + chunk(b"IDAT", rows)
    return _SIGNATURE + basics + data + chunk(b"IEND", b"")


def _profile_bomb() -> bytes:
    return make_png(small_rows(), chunk(b"iCCP", b"p\0\0" + compress_zeros(900 * MIB)))


def _text_bomb() -> bytes:
    return make_png(small_rows(), chunk(b"zTXt", b"k\0\0" + compress_zeros(900 * MIB)))


def _profile_in_parts() -> bytes:
    """A JPEG whose profile comes in 255 parts, again and again."""
    parts = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes((index % 255 + 1, 255)) + bytes(200))
        for index in range(4000)
    ]
    return jpeg_with(*parts)


def avif_of_tiles(tiles: int, units: int) -> bytes:
    """Build a grid of tiles that all have the same data: so many empty units."""
    numbers = range(2, tiles + 2)
    kinds = [_box(b"infe", struct.pack(">I2H4sB", 0x02000000, 1, 0, b"grid", 0))]
    kinds += [_box(b"infe", struct.pack(">I2H4sB", 0x02000000, n, 0, b"av01", 0)) for n in numbers]
    first = bytes((0, 0, tiles // 32 - 1, 31)) + struct.pack(">HH", 32 * 64, tiles // 32 * 64)
    data = b"\x12\0" * units
    sizes = (struct.pack(">4xII", 32 * 64, tiles // 32 * 64), struct.pack(">4xII", 64, 64))
    known = b"".join(_box(b"ispe", size) for size in sizes) + _box(b"av1C", b"\x81\0\0\0")
    owned = struct.pack(">HBB", 1, 1, 1) + b"".join(
        struct.pack(">HBBB", n, 2, 2, 3) for n in numbers
    )
    described = _box(b"ipco", known) + _box(b"ipma", struct.pack(">II", 0, tiles + 1) + owned)
    parts = struct.pack(f">2H{tiles}H", 1, tiles, *numbers)

    def build(start: int) -> bytes:
        places = [(1, start, len(first)), *((n, start + len(first), len(data)) for n in numbers)]
        found = b"".join(struct.pack(">4H2I", n, 0, 0, 1, at, size) for n, at, size in places)
        meta = [
            _box(b"pitm", struct.pack(">IH", 0, 1)),
            _box(b"iloc", struct.pack(">I2H", 0x01000000, 0x4400, tiles + 1) + found),
            _box(b"iinf", struct.pack(">IH", 0, tiles + 1) + b"".join(kinds)),
            _box(b"iprp", described),
            _box(b"iref", bytes(4) + _box(b"dimg", parts)),
        ]
        head = _box(b"ftyp", b"avif\0\0\0\0") + _box(b"meta", bytes(4) + b"".join(meta))
        return head + struct.pack(">I4s", 8 + len(first) + len(data), b"mdat")

    return build(len(build(0))) + first + data


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data


def tiff_of_overlaps(directories: int = 16) -> bytes:
    """Build a TIFF of directories whose every field has the same megabyte as its value."""
    tags = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 320, 324, 325, 338, 339, 347, 34675)
    size = 2 + 12 * len(tags) + 4
    fields = b"".join(struct.pack("<HHII", tag, 4, 200_000, 8 + size * directories) for tag in tags)
    chain = b"".join(
        struct.pack("<H", len(tags)) + fields + struct.pack("<I", 8 + size * (index + 1))
        for index in range(directories)
    )
    return b"II*\0" + struct.pack("<I", 8) + chain + bytes(850_000)


def tiff_of_strips(count: int = 31_000) -> bytes:
    """Build a gray TIFF of strips of one row."""
    behind = 8 + 2 + 12 * 8 + 4
    values = ((256, 1), (257, count), (258, 8), (259, 1), (262, 1), (273, 0), (278, 1), (279, 0))
    fields = b"".join(
        struct.pack("<HHII", tag, 4, 1, value)
        if value
        else struct.pack("<HHII", tag, 4, count, behind)
        for tag, value in values
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(values)) + fields + bytes(4)
    return head + struct.pack("<I", 1) * count


FILES: Mapping[str, Callable[[], bytes]] = {
    "EXIF of overlaps": lambda: with_exif(exif_of_overlaps()),
    "EXIF of directories": lambda: with_exif(exif_of_directories()),
    "EXIF of overlaps in a WebP": lambda: webp_with((b"EXIF", exif_of_overlaps())),
    "tRNS repeated": lambda: _repeated(b"tRNS", bytes(6), 16_000),
    "tRNS repeated, small": lambda: _repeated(b"tRNS", bytes(6), 2),
    "gAMA repeated": lambda: _repeated(b"gAMA", struct.pack(">I", 45455), 16_000),
    "eXIf repeated": lambda: _repeated(b"eXIf", exif_of_overlaps(60_000), 14),
    "unknown chunks": lambda: make_png(small_rows(), chunk(b"abCd", b"") * 32_000),
    "many IDATs": _many_idats,
    "data behind the rows": lambda: make_png(compress_zeros(900 * MIB)),
    "profile bomb": _profile_bomb,
    "text bomb": _text_bomb,
    "large and black": lambda: make_png(compress_zeros(4000 * 4001), size=(4000, 4000), color=0),
    "large and clear": lambda: make_png(compress_zeros(4000 * 16_001), size=(4000, 4000), color=6),
    "large, black and interlaced": lambda: make_png(
        compress_zeros(17_000_000), size=(4000, 4000), color=0, interlace=1
    ),
    "large with a clear color": lambda: make_png(
        compress_zeros(4000 * 12_001), chunk(b"tRNS", bytes(6)), size=(4000, 4000)
    ),
    "large, of 16 bits and a clear color": lambda: make_png(
        compress_zeros(4000 * 24_001), chunk(b"tRNS", bytes(6)), size=(4000, 4000), depth=16
    ),
    "large with a clear index": lambda: make_png(
        compress_zeros(4000 * 4001),
        chunk(b"PLTE", bytes(3)),
        chunk(b"tRNS", b"\0"),
        size=(4000, 4000),
        color=3,
    ),
    "large, gray and clear": lambda: make_png(
        compress_zeros(4000 * 8001), size=(4000, 4000), color=4
    ),
    "large WebP": lambda: _save(Image.new("RGB", (4000, 4000)), "WEBP", lossless=True),
    "large clear WebP": lambda: _save(Image.new("RGBA", (4000, 4000)), "WEBP", lossless=True),
    "WebP of many chunks": lambda: webp_with(*[(b"abcd", b"")] * 60_000),
    "WebP of repeated chunks": lambda: webp_with(*[(b"EXIF", exif_of_overlaps(2000))] * 400),
    "WebP of XMP": lambda: webp_with((b"XMP ", b"<a>" * 300_000)),
    "large JPEG": lambda: _save(Image.new("L", (4000, 4000)), "JPEG", quality=10),
    "large progressive JPEG": lambda: jpeg_of_scans(4000, 1),
    "large progressive color JPEG": lambda: _save(
        Image.new("RGB", (4000, 4000)), "JPEG", progressive=True, quality=10, subsampling=0
    ),
    "large progressive CMYK JPEG": lambda: _save(
        Image.new("CMYK", (4000, 4000)), "JPEG", progressive=True, quality=10
    ),
    "large JPEG, channel by channel": lambda: jpeg_of_channels(4000),
    "large CMYK JPEG, channel by channel": lambda: jpeg_of_channels(4000, 4),
    "JPEG of scans": lambda: jpeg_of_scans(4000, 90),
    "JPEG of segments": lambda: jpeg_with(*[segment(0xFE, b"") + segment(0xEE, b"")] * 2000),
    "JPEG of fill bytes": lambda: jpeg_with(b"\xff" * 900_000),
    "JPEG of markers": lambda: (
        _save(Image.new("L", (64, 64)), "JPEG")[:-2] + b"\xff\x01" * 450_000 + b"\xff\xd9"
    ),
    "JPEG of tables": lambda: jpeg_with(*[segment(0xDB, b"\0" + bytes(range(1, 65)))] * 3900),
    "JPEG of a profile in parts": _profile_in_parts,
    "JPEG of stray bytes": lambda: jpeg_with(*[segment(0xEE, b"") + b"\0\0"] * 2000),
    "AVIF of boxes": lambda: _save(Image.new("L", (64, 64)), "AVIF") + _box(b"free", b"") * 100_000,
    "AVIF of tiles": lambda: avif_of_tiles(1024, 200_000),
    "AVIF of few units a tile": lambda: avif_of_tiles(1024, 500),
    "HEIC of boxes": lambda: PLAIN + _box(b"free", b"") * 100_000,
    "TIFF of overlaps": tiff_of_overlaps,
    "TIFF of strips": tiff_of_strips,
}
"""Hostile files by name; each has at most a megabyte."""
