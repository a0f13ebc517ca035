"""The chunks of a WebP."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from service.contract.errors import ImageUndecodable, InvalidField
from service.pictures.exif import read_placement
from service.pictures.picture_header import (
    MAX_EXIF_BYTES,
    MAX_PROFILE_BYTES,
    PictureHeader,
    Span,
    exif_too_large,
    profile_too_large,
)

MAX_CHUNKS: Final = 1024

_SINGLE: Final = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ICCP", b"EXIF", b"XMP "))
"""Chunks that must not be repeated: of two, decoders take different ones."""

_PICTURE: Final = frozenset((b"VP8 ", b"VP8L", b"ALPH"))

_ANIMATED: Final = 0x02
_ALPHA: Final = 0x10

_FRAME_HEADER_BYTES: Final = 16


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    length: int


def read_webp(file: BinaryIO) -> PictureHeader:
    """Read the header of a WebP; its pixels are not read.

    Raises:
        ImageUndecodable: its chunks break the rules of the format or contradict each other.
        InvalidField: its color profile or its EXIF is too large.

    Source: RFC 9649, section 2, and RFC 6386, section 9.1.
    """
    end = _find_end(file)
    walked = list(_walk(file, end))
    chunks = {chunk.kind: chunk for chunk in reversed(walked)}
    _check_single([chunk.kind for chunk in walked])
    canvas, flags = _read_canvas(file, chunks)
    frames = [chunk for chunk in walked if chunk.kind == b"ANMF"]
    prefix, pixels = b"", (0, end)
    if len(frames) == 1 and not _PICTURE & chunks.keys():
        chunks, prefix, pixels = _read_still(file, frames[0], chunks)
    elif flags & _ANIMATED or frames:
        return PictureHeader("webp", *(canvas or (1, 1)), animated=True)
    (width, height), has_alpha = _read_frame(file, chunks)
    if canvas not in (None, (width, height)):
        raise ImageUndecodable("the WebP's picture has another size than its canvas")
    exif = _read_metadata(file, chunks.get(b"EXIF"), MAX_EXIF_BYTES, exif_too_large())
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    orientation, resolution = read_placement(exif)
    return PictureHeader(
        "webp",
        width,
        height,
        mode="RGBA" if has_alpha or flags & _ALPHA else "RGB",
        orientation=orientation,
        resolution=resolution,
        exif=exif,
        profile=_read_metadata(file, chunks.get(b"ICCP"), MAX_PROFILE_BYTES, profile_too_large()),
        pixels=(pixels,),
        prefix=prefix,
    )


def _read_still(
    file: BinaryIO, frame: _Chunk, chunks: dict[bytes, _Chunk]
) -> tuple[dict[bytes, _Chunk], bytes, Span]:
    """Read the only frame of an animation as the still picture that viewers show.

    Returns:
        The chunks with those of the frame; what a still picture has before them; their place.

    Source: RFC 9649, section 2.7.1.1.
    """
    start, end = frame.start + _FRAME_HEADER_BYTES, frame.start + frame.length
    placed = int.from_bytes(_read(file, frame, _FRAME_HEADER_BYTES)[:6], "little")
    if placed:
        raise ImageUndecodable("the WebP's picture has another place than its canvas")
    walked = list(_walk(file, end, start))
    _check_single([chunk.kind for chunk in walked])
    inner = {chunk.kind: chunk for chunk in walked if chunk.kind in _PICTURE}
    canvas = _read(file, chunks[b"VP8X"], 10) if b"VP8X" in chunks else bytes(10)
    extended = struct.pack("<4sIB9s", b"VP8X", 10, canvas[0] & _ALPHA, canvas[1:10])
    riff = struct.pack("<4sI4s", b"RIFF", 4 + len(extended) + end - start, b"WEBP")
    return {**chunks, **inner}, riff + extended, (start, end)


def _check_single(kinds: list[bytes]) -> None:
    """Check that no chunk that is read is repeated, and that there is one picture."""
    counts = Counter(kinds)
    repeated = sorted(kind.decode().strip() for kind in _SINGLE if counts[kind] > 1)
    if repeated:
        raise ImageUndecodable(f"the WebP repeats a chunk that must be single: {repeated[0]}")
    if counts[b"VP8 "] and counts[b"VP8L"]:
        raise ImageUndecodable("the WebP holds two pictures, one lossy and one lossless")


def _find_end(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(4)
    (length,) = struct.unpack("<I", file.read(4))
    if length + 8 > size:
        raise ImageUndecodable("the WebP is cut short")
    return int(length) + 8


def _walk(file: BinaryIO, end: int, position: int = 12) -> Iterator[_Chunk]:
    for _ in range(MAX_CHUNKS):
        if position == end:
            return
        file.seek(position)
        kind, length = struct.unpack("<4sI", file.read(8))
        if position + 8 + length > end:
            raise ImageUndecodable("the WebP is cut short, or has a wrong length")
        yield _Chunk(kind, position + 8, length)
        # Odd chunks are padded; some writers forget it at the very end.
        position = min(position + 8 + length + length % 2, end)
    raise ImageUndecodable("the WebP has too many chunks")


def _read_canvas(file: BinaryIO, chunks: dict[bytes, _Chunk]) -> tuple[tuple[int, int] | None, int]:
    """Read size and flags of the extended format; a simple file has neither."""
    chunk = chunks.get(b"VP8X")
    if chunk is None:
        return None, 0
    body = _read(file, chunk, 10)
    across, down = int.from_bytes(body[4:7], "little"), int.from_bytes(body[7:10], "little")
    return (across + 1, down + 1), body[0]


def _read_frame(file: BinaryIO, chunks: dict[bytes, _Chunk]) -> tuple[tuple[int, int], bool]:
    """Read the size of the picture itself, and whether it has an alpha channel."""
    if (chunk := chunks.get(b"VP8L")) is not None:
        body = _read(file, chunk, 5)
        bits = int.from_bytes(body[1:5], "little")
        if body[0] == 0x2F:
            return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), bool(bits >> 28 & 1)
    elif (chunk := chunks.get(b"VP8 ")) is not None:
        body = _read(file, chunk, 10)
        if body[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", body[6:10])
            return (width & 0x3FFF, height & 0x3FFF), b"ALPH" in chunks
    raise ImageUndecodable("the WebP holds no picture")


def _read(file: BinaryIO, chunk: _Chunk, count: int) -> bytes:
    if chunk.length < count:
        raise ImageUndecodable("the WebP's header is broken")
    file.seek(chunk.start)
    return file.read(count)


def _read_metadata(
    file: BinaryIO, chunk: _Chunk | None, limit: int, error: InvalidField
) -> bytes | None:
    if chunk is None or chunk.length == 0:
        return None
    if chunk.length > limit:
        raise error
    return _read(file, chunk, chunk.length)
