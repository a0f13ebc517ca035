"""Write a PNG: rows filtered by the one above, packed by igzip, in strips that threads share.

`docs/adr/0028-igzip.md` has the measurements.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from service.pictures.png import SIGNATURE
from worker.imaging.bands import row_bands
from worker.imaging.picture import Picture
from worker.imaging.png_chunks import (
    chunk_parts,
    color_space_chunks,
    exif_chunk,
    header_chunk,
    profile_chunk,
    resolution_chunk,
    text_chunks,
    xmp_chunk,
)
from worker.imaging.png_data import band_rows
from worker.processors import count_threads

STRIP_PIXELS: Final = 512 * 1024
"""Pixels of a strip, about. Smaller ones make the file larger: each begins its matches anew."""

WHOLE_PIXELS: Final = 1024 * 1024
"""A picture of so many is one strip: threads would cost more than they save."""

_LEVEL: Final = 1
_UP: Final = 2
_COLOR_TYPES: Final = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}
_RAW: Final = -15
_STREAM_HEADER: Final = b"\x78\x01"
"""A window of 32 KiB, the fastest level. Source: RFC 1950, 2.2."""
_ADLER_BASE: Final = 65521


class _Strip(NamedTuple):
    """Packed rows.

    Attributes:
        pieces: the packed bytes.
        adler: check sum of the unpacked ones.
        length: number of unpacked bytes.
    """

    pieces: list[bytes]
    adler: int
    length: int


def encode_png(picture: Picture, texts: Mapping[str, str] | None = None) -> bytes:
    """Encode losslessly, the cheapest way measured, in 16 bits if there are; with texts by keyword.

    The same pixels give the same bytes on any number of threads.
    """
    colors = picture.carry_colors("png")
    chunks = (
        SIGNATURE,
        header_chunk(
            picture.width,
            picture.height,
            _COLOR_TYPES[picture.mode],
            picture.depth,
        ),
        color_space_chunks(colors.color_space),
        profile_chunk(colors.profile),
        resolution_chunk(picture.resolution),
        exif_chunk(picture.exif),
        text_chunks(texts or {}),
        xmp_chunk(picture.xmp),
    )
    # Joined once, from pieces: the file is the only copy of what was packed.
    return b"".join((*chunks, *_data_chunks(_pack(picture)), *chunk_parts(b"IEND", ())))


def _pack(picture: Picture) -> list[_Strip]:
    """Pack the rows in strips, as many at once as there are threads."""
    bounds = _cut(picture.width, picture.height)
    last = bounds[-1]

    def pack(rows: slice) -> _Strip:
        return _pack_strip(picture, rows, is_last=rows is last)

    threads = min(count_threads(), len(bounds))
    if threads == 1:
        return [pack(rows) for rows in bounds]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(pack, bounds))


def _cut(width: int, height: int) -> list[slice]:
    """Return the rows of each strip; by the picture's size alone, so that the file is the same."""
    pixels = width * height
    count = 1 if pixels <= WHOLE_PIXELS else -(-pixels // STRIP_PIXELS)
    return list(row_bands(height, -(-height // count)))


def _pack_strip(picture: Picture, rows: slice, *, is_last: bool) -> _Strip:
    packer = isal_zlib.compressobj(_LEVEL, wbits=_RAW)
    pieces, adler, length = [_STREAM_HEADER] if rows.start == 0 else [], 1, 0
    for filtered in _filter_rows(picture, rows):
        adler = isal_zlib.adler32(filtered, adler)
        pieces.append(packer.compress(filtered))
        length += filtered.size
    # Flushed in full, what follows needs nothing of it: strips can be packed in any order.
    pieces.append(packer.flush(isal_zlib.Z_FINISH if is_last else isal_zlib.Z_FULL_FLUSH))
    return _Strip(pieces, adler, length)


def _filter_rows(picture: Picture, rows: slice) -> Iterator[NDArray[np.uint8]]:
    """Yield the rows in bands, each as its filter's number and differences; in one buffer."""
    length = picture.width * len(picture.mode) * picture.depth // 8
    height = rows.stop - rows.start
    buffer = np.empty((min(band_rows(length), height), 1 + length), np.uint8)
    buffer[:, 0] = _UP
    for band in row_bands(height, len(buffer)):
        first, stop = rows.start + band.start, rows.start + band.stop
        values = _store(picture, slice(max(first - 1, 0), stop)).reshape(-1, length)
        differences = buffer[: stop - first, 1:]
        # Above the first row lie zeros.
        differences[0] = values[0]
        np.subtract(values[1:], values[:-1], out=differences[first == 0 :])
        yield buffer[: stop - first]


def _store(picture: Picture, rows: slice) -> NDArray[np.uint8]:
    """Return the bytes of rows as a PNG has them: of 16 bits the high one first."""
    values = picture.stored_channels(rows)
    return values if picture.deep is None else values.astype(">u2").view(np.uint8)


def _data_chunks(strips: list[_Strip]) -> Iterator[bytes]:
    """Yield the parts of an IDAT chunk a strip; the last one ends with the check sum of all."""
    adler = 1
    for strip in strips:
        adler = _combine(adler, strip.adler, strip.length)
    strips[-1].pieces.append(struct.pack(">I", adler))
    for strip in strips:
        yield from chunk_parts(b"IDAT", strip.pieces)


def _combine(first: int, second: int, length: int) -> int:
    """Return the check sum of two parts, from those of each and the length of the second.

    Source: RFC 1950, 8.2; zlib's `adler32_combine`.
    """
    first_sum, second_sum = first & 0xFFFF, second & 0xFFFF
    low = (first_sum + second_sum - 1) % _ADLER_BASE
    high = ((first >> 16) + (second >> 16) + length * (first_sum - 1)) % _ADLER_BASE
    return high << 16 | low
