"""EXIF for results: rebuilt from known fields, so that nothing hidden is passed on."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Final

from service.pictures.exif import (
    ORIENTATION,
    X_RESOLUTION,
    Y_RESOLUTION,
    Entry,
    byte_order,
    first_directory,
    iter_directory,
    measure_directory,
)

_POINTERS: Final = frozenset({0x8769, 0x8825, 0xA005})
"""Fields that point to another directory: EXIF's own, GPS, interoperability."""

_DROPPED: Final = frozenset(
    {
        ORIENTATION,  # already applied
        0x0100,  # image width, wrong once the canvas has grown
        0x0101,  # image length
        0xA002,  # pixel x dimension
        0xA003,  # pixel y dimension
        0x0111,  # strips of a picture
        0x0117,
        0x014A,  # further pictures
        0x0144,  # tiles of a picture
        0x0145,
        0x0201,  # a thumbnail
        0x0202,
        0x02BC,  # XMP
        0x83BB,  # IPTC
        0x8649,  # Photoshop, with a thumbnail
        0x8773,  # color profile, kept elsewhere
        0x927C,  # maker note, often with a preview; its offsets do not survive a move
        0xC4A5,  # print image matching
    }
)

_LONG: Final = 4

_MAX_DIRECTORIES: Final = 16
"""Limit; files have four. A long chain would need more than the stack."""


@dataclass(frozen=True)
class _Field:
    """One field to be written: where its value is, or the directory that it points to."""

    tag: int
    kind: int
    count: int
    start: int
    size: int
    directory: list[_Field] | None = None


class _TooLarge(Exception):
    """The fields overlap: together they are larger than the block."""


class _Budget:
    """Bytes that may still be read as directories, and bytes that the copy may still take.

    Directories and values may overlap, so that a small block could become a copy of any size.
    Neither may take more than the block itself.
    """

    def __init__(self, total: int) -> None:
        self._to_read = self._to_write = total

    def read(self, size: int) -> None:
        """Count bytes that are read as a directory, and raise `_TooLarge` above the limit."""
        self._to_read -= size
        if self._to_read < 0:
            raise _TooLarge

    def write(self, size: int) -> None:
        """Count bytes of the copy, and raise `_TooLarge` above the limit."""
        self._to_write -= size
        if self._to_write < 0:
            raise _TooLarge


def strip_exif(exif: bytes, *, is_turned: bool = False) -> bytes | None:
    """Return EXIF without orientation, thumbnail, maker note and nested metadata.

    The second directory, which holds the thumbnail, and bytes that no field uses are dropped.

    Args:
        exif: the block, beginning with its byte order.
        is_turned: whether width and height were exchanged.

    Returns:
        The new block; `None` if nothing of it can be read.

    Source: EXIF 2.32, sections 4.5 and 4.6.
    """
    try:
        fields = _collect(exif, first_directory(exif), set(), _Budget(len(exif)))
    except (ValueError, struct.error, _TooLarge):
        return None
    if not fields:
        return None
    if is_turned:
        swapped = {X_RESOLUTION: Y_RESOLUTION, Y_RESOLUTION: X_RESOLUTION}
        fields = [replace(it, tag=swapped.get(it.tag, it.tag)) for it in fields]
    order = byte_order(exif)
    return exif[:4] + struct.pack(order + "I", 8) + _write(exif, fields, 8)


def _collect(exif: bytes, offset: int, seen: set[int], budget: _Budget) -> list[_Field]:
    """Return the fields of a directory and of those it points to, each directory once."""
    if offset in seen or len(seen) == _MAX_DIRECTORIES:
        return []
    seen.add(offset)
    budget.read(measure_directory(exif, offset))
    budget.write(6)
    fields = []
    for entry in iter_directory(exif, offset):
        if entry.tag in _POINTERS:
            fields += _follow(exif, entry, seen, budget)
        elif entry.tag not in _DROPPED:
            budget.write(12 + max(entry.size - 4, 0))
            fields.append(_Field(entry.tag, entry.kind, entry.count, entry.start, entry.size))
    return fields


def _follow(exif: bytes, entry: Entry, seen: set[int], budget: _Budget) -> list[_Field]:
    if entry.kind != _LONG or entry.count != 1:
        return []
    (offset,) = struct.unpack_from(byte_order(exif) + "I", exif, entry.start)
    try:
        directory = _collect(exif, offset, seen, budget)
    except (ValueError, struct.error):
        return []
    budget.write(12)
    return [_Field(entry.tag, _LONG, 1, 0, 0, directory)] if directory else []


def _write(exif: bytes, fields: list[_Field], offset: int) -> bytes:
    """Return a directory, followed by the values that do not fit into its fields."""
    table, behind, order = [], bytearray(), byte_order(exif)
    start = offset + 6 + 12 * len(fields)
    for it in sorted(fields, key=lambda each: each.tag):
        place = start + len(behind)
        if it.directory is not None:
            value = struct.pack(order + "I", place)
            behind += _write(exif, it.directory, place)
        elif it.size > 4:
            value = struct.pack(order + "I", place)
            behind += memoryview(exif)[it.start : it.start + it.size]
        else:
            value = exif[it.start : it.start + it.size].ljust(4, b"\0")
        behind += b"\0" * (len(behind) % 2)
        table.append(struct.pack(order + "HHI", it.tag, it.kind, it.count) + value)
    count = struct.pack(order + "H", len(table))
    return count + b"".join(table) + bytes(4) + bytes(behind)
