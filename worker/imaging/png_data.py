"""The unpacked data of a PNG, a few rows at a time, through whichever library unpacks."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from service.contract.errors import ImageUndecodable
from service.pictures.headers import PictureHeader

PIECE_BYTES: Final = 64 * 1024
"""Packed bytes that are taken at once; the rest of them is copied at each step."""

BAND_BYTES: Final = 512 * 1024
"""Unpacked rows that are held at once: few enough to stay in a processor's cache."""

_SIGNATURE_BYTES: Final = 8
_HEADER: Final = struct.Struct(">IIBBBBB")
_HEADER_AT: Final = _SIGNATURE_BYTES + 8


class Layout(NamedTuple):
    """The fields of an IHDR chunk that say how rows are stored."""

    width: int
    height: int
    depth: int
    color: int
    compression: int
    filtering: int
    interlaced: int

    @property
    def channels(self) -> int:
        """Numbers a pixel; an index into a palette is one."""
        return {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[self.color]


class Unpacker(Protocol):
    """An object of `zlib.decompressobj`, or one that is used alike."""

    @property
    def unconsumed_tail(self) -> bytes:
        """The part of the last piece that is still packed."""

    @property
    def unused_data(self) -> bytes:
        """The bytes behind the end of the packed data."""

    @property
    def eof(self) -> bool:
        """True behind the end, where the check sum was right."""

    def decompress(self, data: bytes | memoryview, max_length: int = 0, /) -> bytes:
        """Unpack so many bytes at most."""


def read_layout(data: bytes) -> Layout:
    """Return the layout of a PNG whose header was checked."""
    return Layout(*_HEADER.unpack_from(data, _HEADER_AT))


class DataReader:
    """Reads the data of a PNG's IDAT chunks, unpacked.

    Args:
        data: the file.
        header: its header.
        unpacker: a new one.
    """

    def __init__(self, data: bytes, header: PictureHeader, unpacker: Unpacker) -> None:
        self._pieces = _cut(_find_packed(memoryview(data), header))
        self._unpacker = unpacker
        self._packed: bytes | memoryview = b""

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes.

        Raises:
            ImageUndecodable: there are fewer.
            Exception: of the unpacker: the data is broken.
        """
        parts = []
        while count and (part := self._step(count)):
            parts.append(part)
            count -= len(part)
        if count:
            raise ImageUndecodable("the PNG's data ends early")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def count_surplus(self, limit: int) -> int:
        """Return how many more bytes there are, as far as `limit`.

        Raises:
            Exception: of the unpacker: the data is broken.
        """
        count = 0
        while count < limit and (part := self._step(limit - count)):
            count += len(part)
        return count

    @property
    def has_ended(self) -> bool:
        """True if the packed data has ended, and its check sum was right."""
        return self._unpacker.eof

    def is_exhausted(self) -> bool:
        """Return whether nothing lies behind the end of the packed data."""
        is_last = not self._packed and next(self._pieces, None) is None
        return is_last and not self._unpacker.unused_data

    def _step(self, limit: int) -> bytes:
        """Return up to `limit` bytes; none at the end."""
        while not self._unpacker.eof:
            if not self._packed:
                self._packed = next(self._pieces, b"")
            is_last = not self._packed
            part = self._unpacker.decompress(self._packed, limit)
            self._packed = self._unpacker.unconsumed_tail
            if part or is_last:
                return part
        return b""


def _find_packed(data: memoryview, header: PictureHeader) -> Iterator[memoryview]:
    """Yield the contents of the IDAT chunks."""
    for start, stop in header.pixels:
        position = start or _SIGNATURE_BYTES
        while position < stop:
            length, kind = struct.unpack_from(">I4s", data, position)
            if kind == b"IDAT":
                yield data[position + 8 : position + 8 + length]
            position += length + 12


def _cut(chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]


def band_rows(row_bytes: int) -> int:
    """Return how many rows of so many bytes are held at once."""
    return max(1, BAND_BYTES // row_bytes)
