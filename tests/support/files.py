"""PNG, JPEG and WebP files put together by hand: what no encoder would write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np

from worker.imaging import DeepArray, ImageArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_PASSES = (*_ADAM7, (0, 1, 1, 2))
"""First column, first row and steps of each pass of an interlaced PNG."""


def make_chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Return a PNG chunk with its right check sum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(
    samples: ImageArray | DeepArray,
    color_type: int,
    *,
    depth: int = 8,
    head: Iterable[bytes] = (),
    tail: Iterable[bytes] = (),
    data: bytes | None = None,
    interlaced: bool = False,
    size: tuple[int, int] | None = None,
) -> bytes:
    """Return a PNG of samples.

    Args:
        samples: uint8 (H, W) or (H, W, C), below 2 to the power of `depth`; of 16 bits uint16.
        color_type: 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGBA.
        depth: bits a sample.
        head: chunks before the pixels.
        tail: chunks behind them.
        data: the IDAT chunk's data instead of what the samples come to.
        interlaced: whether in seven passes.
        size: width and height to declare instead of those of the samples.
    """
    width, height = size or (samples.shape[1], samples.shape[0])
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced))
    if data is None:
        data = zlib.compress(pack_rows(samples, depth, interlaced=interlaced))
    chunks = (make_chunk(b"IHDR", header), *head, make_chunk(b"IDAT", data), *tail)
    return SIGNATURE + b"".join(chunks) + make_chunk(b"IEND")


def pack_rows(
    samples: ImageArray | DeepArray, depth: int = 8, *, interlaced: bool = False
) -> bytes:
    """Return the rows of a PNG, unfiltered."""
    if interlaced:
        parts = [samples[y::down, x::across] for x, y, across, down in _PASSES]
        return b"".join(pack_rows(part, depth) for part in parts if part.size)
    rows = samples.reshape(len(samples), -1)
    if depth < 8:
        bits = np.unpackbits(rows[..., None].astype(np.uint8), axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(len(rows), -1), axis=1)
    if depth == 16:
        rows = rows.astype(">u2").view(np.uint8)
    return b"".join(b"\0" + row.tobytes() for row in rows)


def insert_in_png(png: bytes, *chunks: bytes) -> bytes:
    """Put chunks behind the header."""
    return png[:33] + b"".join(chunks) + png[33:]


def append_to_png(png: bytes, *chunks: bytes) -> bytes:
    """Put chunks before the end."""
    return png[:-12] + b"".join(chunks) + png[-12:]


def make_segment(marker: int, body: bytes) -> bytes:
    """Return a JPEG segment."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def insert_in_jpeg(jpeg: bytes, *segments: bytes) -> bytes:
    """Put segments before all others."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def make_webp(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """Return a WebP of chunks; `size` is declared instead of the right one."""
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def extend_webp(
    webp: bytes, width: int, height: int, flags: int, *chunks: tuple[bytes, bytes]
) -> bytes:
    """Return a simple WebP in the extended format."""
    sides = ((side - 1).to_bytes(3, "little") for side in (width, height))
    declared = bytes((flags, 0, 0, 0)) + b"".join(sides)
    (length,) = struct.unpack("<I", webp[16:20])
    return make_webp((b"VP8X", declared), (webp[12:16], webp[20 : 20 + length]), *chunks)


def make_exif(*fields: tuple[int, int, int, bytes], thumbnail: bytes = b"") -> bytes:
    """Return an EXIF block, big-endian: tag, type, count and value each; a thumbnail behind them.

    Values of more than four bytes lie behind the directory.
    """
    start = 8 + 2 + 12 * len(fields) + 4
    table, behind = b"", b""
    for tag, kind, count, value in fields:
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(">I", start + len(behind))
        table += struct.pack(">HHI", tag, kind, count) + place
        behind += value if len(value) > 4 else b""
    following = start + len(behind) if thumbnail else 0
    block = b"MM\0*" + struct.pack(">IH", 8, len(fields)) + table + struct.pack(">I", following)
    if not thumbnail:
        return block + behind
    # Compression, and where the thumbnail lies.
    behind_it = following + 2 + 24 + 4
    second = struct.pack(">HHHII", 2, 0x0201, 4, 1, behind_it)
    second += struct.pack(">HHIII", 0x0202, 4, 1, len(thumbnail), 0)
    return block + behind + second + thumbnail


def make_orientation(value: int) -> bytes:
    """Return an EXIF block that tells an orientation only."""
    return make_exif((0x0112, 3, 1, struct.pack(">H", value)))
