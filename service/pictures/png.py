"""The chunks of a PNG."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from service.contract.errors import ImageUndecodable
from service.pictures.exif import read_placement
from service.pictures.picture_header import (
    MAX_EXIF_BYTES,
    MAX_PROFILE_BYTES,
    PictureHeader,
    Resolution,
    Span,
    exif_too_large,
    join_spans,
    make_resolution,
    profile_too_large,
)

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

MAX_CHUNKS: Final = 32_768
"""Limit; a 25 MB file with chunks of 8 kB has 3,000. Millions of empty ones only cost time."""

MAX_SURPLUS_BYTES: Final = 64 * 1024
"""Limit for unpacked data behind the last row; some encoders leave a row too many."""

_BLOCK_BYTES: Final = 64 * 1024

_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits a channel, by color type. Source: PNG specification, third edition, 11.2.1."""

_MODES: Final = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

PASSES: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column, first row and steps of each pass of an interlaced PNG."""

_DECODED: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
"""Chunks that pixels are decoded from. Decoders are not shown the others."""

_SINGLE: Final = frozenset(
    (
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"iCCP",
        b"sRGB",
        b"gAMA",
        b"cHRM",
        b"cICP",
        b"pHYs",
        b"eXIf",
        b"acTL",
    )
)
"""Chunks that are read and must not be repeated: of two, decoders take different ones.

Source: PNG specification, third edition, table 7.
"""

_COLOR_SPACE: Final = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
"""Chunks that define the colors, and their lengths."""


class Chunk(NamedTuple):
    """One chunk.

    Attributes:
        kind: its four letters.
        start: position of its data in the file.
        length: length of its data in bytes.
    """

    kind: bytes
    start: int
    length: int


class _Basics(NamedTuple):
    """The IHDR chunk."""

    width: int
    height: int
    depth: int
    color: int


def read_png(file: BinaryIO) -> PictureHeader:
    """Read the header of a PNG; its pixels are not read.

    Raises:
        ImageUndecodable: its chunks break the rules of the format.
        InvalidField: its color profile or its EXIF is too large.

    Source: PNG specification, third edition, sections 5 and 11.
    """
    chunks = list(_walk(file))
    basics = _read_basics(file, chunks)
    _check_order(chunks)
    head = chunks[: [chunk.kind for chunk in chunks].index(b"IDAT")]
    exif = _read_exif(file, chunks)
    orientation, resolution = read_placement(exif)
    palette = _read_palette(file, head, basics)
    return PictureHeader(
        "png",
        basics.width,
        basics.height,
        mode=_name_mode(basics),
        depth=basics.depth,
        animated=_is_animated(file, chunks),
        orientation=orientation,
        resolution=_read_resolution(file, head) or resolution,
        exif=exif,
        profile=_read_profile(file, head),
        color_space=tuple(
            (chunk.kind, _read(file, chunk))
            for chunk in head
            if _COLOR_SPACE.get(chunk.kind) == chunk.length
        )[:4],
        palette=palette,
        transparency=_read_transparency(file, head, basics, palette),
        pixels=_list_spans(chunks),
    )


def check_sums(file: BinaryIO) -> None:
    """Check every chunk's check sum.

    Raises:
        ImageUndecodable: one is wrong.
    """
    for chunk in list(_walk(file)):
        file.seek(chunk.start)
        total, left = zlib.crc32(chunk.kind), chunk.length
        while left:
            block = file.read(min(left, _BLOCK_BYTES))
            total, left = zlib.crc32(block, total), left - len(block)
        if file.read(4) != struct.pack(">I", total):
            raise ImageUndecodable("a check sum of the PNG is wrong")


def check_data(file: BinaryIO) -> None:
    """Check that the compressed data holds every row and hardly more, by unpacking it in pieces.

    Pillow decodes missing rows as black, without a warning. OpenCV unpacks everything behind the
    last row: a megabyte can hold a gigabyte of it.

    Args:
        file: a PNG that `read_png` has read.

    Raises:
        ImageUndecodable: it is broken, too short or too long.
    """
    chunks = list(_walk(file))
    missing = _count_data_bytes(_read(file, chunks[0]))
    try:
        for unpacked in _unpack(_iter_data(file, chunks)):
            missing -= unpacked
            if missing < -MAX_SURPLUS_BYTES:
                raise ImageUndecodable("the PNG's data goes on behind its last row")
    except zlib.error:
        # What is broken behind the last row is not decoded.
        if missing > 0:
            raise ImageUndecodable("the PNG's data is broken") from None
    if missing > 0:
        raise ImageUndecodable("the PNG's data ends early")


def _iter_data(file: BinaryIO, chunks: list[Chunk]) -> Iterator[bytes]:
    """Yield the compressed data piece by piece."""
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            for start in range(0, chunk.length, _BLOCK_BYTES):
                file.seek(chunk.start + start)
                yield file.read(min(_BLOCK_BYTES, chunk.length - start))


def _unpack(pieces: Iterator[bytes]) -> Iterator[int]:
    """Unpack data, and yield how many bytes each step has unpacked."""
    unpacker = zlib.decompressobj()
    for packed in pieces:
        # A piece is small, because what is left of it is copied at each step.
        while packed and not unpacker.eof:
            yield len(unpacker.decompress(packed, 4 * _BLOCK_BYTES))
            packed = unpacker.unconsumed_tail


def _count_data_bytes(header: bytes) -> int:
    """Return the length of all rows in bytes, each with the number of its filter."""
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", header)
    bits, total = depth * _CHANNELS[color], 0
    for left, top, across, down in PASSES if interlace else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _walk(file: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks up to IEND, each of which is whole within the file."""
    size = file.seek(0, 2)
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if position + length + 12 > size:
            raise ImageUndecodable("the PNG is cut short")
        yield Chunk(kind, position + 8, length)
        if kind == b"IEND":
            return
        position += length + 12
    raise ImageUndecodable("the PNG has too many chunks")


def _read_basics(file: BinaryIO, chunks: list[Chunk]) -> _Basics:
    if chunks[0].kind != b"IHDR" or chunks[0].length != 13:
        raise ImageUndecodable("the PNG does not begin with its header")
    values = struct.unpack(">IIBBBBB", _read(file, chunks[0]))
    width, height, depth, color, compression, filtering, interlace = values
    if depth not in _DEPTHS.get(color, ()) or compression or filtering or interlace > 1:
        raise ImageUndecodable("the PNG's header has a value that the format does not allow")
    return _Basics(width, height, depth, color)


def _check_order(chunks: list[Chunk]) -> None:
    kinds = [chunk.kind for chunk in chunks]
    counts = Counter(kinds)
    if any(kind not in _DECODED and not kind[0] & 0x20 for kind in counts):
        raise ImageUndecodable("the PNG has a critical chunk that is not known")
    repeated = sorted(kind.decode() for kind in _SINGLE if counts[kind] > 1)
    if repeated:
        raise ImageUndecodable(f"the PNG repeats a chunk that must be single: {repeated[0]}")
    data = [index for index, kind in enumerate(kinds) if kind == b"IDAT"]
    if not data or data[-1] - data[0] >= len(data):
        raise ImageUndecodable("the PNG has no IDAT chunk, or other chunks between its IDAT chunks")


def _name_mode(basics: _Basics) -> str:
    if basics.color == 0 and basics.depth in (1, 16):
        return "1" if basics.depth == 1 else "I;16"
    return _MODES[basics.color]


def _list_spans(chunks: list[Chunk]) -> tuple[Span, ...]:
    data = [chunk.kind for chunk in chunks].index(b"IDAT")
    spans: list[Span] = [(0, len(SIGNATURE))]
    for index, chunk in enumerate(chunks):
        # A palette or transparency behind the pixels is ignored.
        if chunk.kind in _DECODED and (index < data or chunk.kind in (b"IDAT", b"IEND")):
            spans.append((chunk.start - 8, chunk.start + chunk.length + 4))
    return join_spans(spans)


def _read(file: BinaryIO, chunk: Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(chunk.length)


def _find(chunks: list[Chunk], kind: bytes) -> Chunk | None:
    return next((chunk for chunk in chunks if chunk.kind == kind), None)


def _read_palette(file: BinaryIO, head: list[Chunk], basics: _Basics) -> bytes | None:
    chunk = _find(head, b"PLTE")
    if basics.color != 3:
        return None
    if chunk is None or chunk.length % 3 or not 3 <= chunk.length <= 3 << basics.depth:
        raise ImageUndecodable("the PNG's palette is missing or has a wrong length")
    return _read(file, chunk)


def _read_transparency(
    file: BinaryIO, head: list[Chunk], basics: _Basics, palette: bytes | None
) -> bytes | None:
    """Read the tRNS chunk, which has no meaning beside an alpha channel."""
    chunk = _find(head, b"tRNS")
    if chunk is None or basics.color in (4, 6):
        return None
    allowed = {0: range(2, 3), 2: range(6, 7), 3: range(1, len(palette or b"") // 3 + 1)}
    if chunk.length not in allowed[basics.color]:
        raise ImageUndecodable("the PNG's transparency has a wrong length")
    return _read(file, chunk)


def _is_animated(file: BinaryIO, chunks: list[Chunk]) -> bool:
    """Return whether the file shows more than its still picture.

    Of an animation of one frame the still picture is that frame, unless the frame is stored apart.

    Source: PNG specification, third edition, 11.3.6.
    """
    control = _find(chunks, b"acTL")
    if control is None:
        return False
    is_apart = _find(chunks, b"fdAT") is not None
    return is_apart or control.length != 8 or _read(file, control)[:4] != b"\0\0\0\1"


def _read_resolution(file: BinaryIO, head: list[Chunk]) -> Resolution | None:
    chunk = _find(head, b"pHYs")
    if chunk is None or chunk.length != 9:
        return None
    x, y, unit = struct.unpack(">IIB", _read(file, chunk))
    return make_resolution(x, y, "meter" if unit == 1 else "none")


def _read_exif(file: BinaryIO, chunks: list[Chunk]) -> bytes | None:
    chunk = _find(chunks, b"eXIf")
    if chunk is None:
        return None
    if chunk.length > MAX_EXIF_BYTES:
        raise exif_too_large()
    return _read(file, chunk).removeprefix(b"Exif\0\0")


def _read_profile(file: BinaryIO, head: list[Chunk]) -> bytes | None:
    """Unpack the color profile, up to its limit; one that cannot be unpacked is ignored."""
    chunk = _find(head, b"iCCP")
    if chunk is None:
        return None
    # Deflate hardly ever makes data longer, so a chunk of twice the limit unpacks to too much.
    if chunk.length > 2 * MAX_PROFILE_BYTES:
        raise profile_too_large()
    _, _, packed = _read(file, chunk).partition(b"\0")
    if packed[:1] != b"\0":
        return None
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
    if len(profile) > MAX_PROFILE_BYTES:
        raise profile_too_large()
    return profile or None
