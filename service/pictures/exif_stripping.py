"""EXIF for results: rebuilt from known fields, so that nothing hidden is passed on."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from service.pictures.exif import (
    ORIENTATION,
    X_RESOLUTION,
    Y_RESOLUTION,
    Entry,
    byte_order,
    first_directory,
    read_directory,
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
"""Files have four. Many that overlap could take minutes, and a long chain more than the stack."""


@dataclass(frozen=True)
class _Field:
    """One field to be written: its value, or the directory that it points to."""

    tag: int
    kind: int
    count: int
    value: bytes
    directory: list[_Field] | None = None


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
        fields = _collect(exif, first_directory(exif), set())
    except (ValueError, struct.error):
        return None
    # Fields that overlap could make the copy far larger than what came in.
    if not fields or _measure(fields) > len(exif):
        return None
    if is_turned:
        swapped = {X_RESOLUTION: Y_RESOLUTION, Y_RESOLUTION: X_RESOLUTION}
        fields = [
            _Field(swapped.get(it.tag, it.tag), it.kind, it.count, it.value, it.directory)
            for it in fields
        ]
    order = byte_order(exif)
    return exif[:4] + struct.pack(order + "I", 8) + _write(fields, 8, order)


def _collect(exif: bytes, offset: int, seen: set[int]) -> list[_Field]:
    """Read a directory and those that it leads to, each once, and not many of them."""
    if offset in seen or len(seen) == _MAX_DIRECTORIES:
        return []
    seen.add(offset)
    fields = []
    for entry in read_directory(exif, offset):
        if entry.tag in _POINTERS:
            fields += _follow(exif, entry, seen)
        elif entry.tag not in _DROPPED:
            value = exif[entry.start : entry.start + entry.size]
            fields.append(_Field(entry.tag, entry.kind, entry.count, value))
    return fields


def _follow(exif: bytes, entry: Entry, seen: set[int]) -> list[_Field]:
    if entry.kind != _LONG or entry.count != 1:
        return []
    (offset,) = struct.unpack_from(byte_order(exif) + "I", exif, entry.start)
    try:
        directory = _collect(exif, offset, seen)
    except (ValueError, struct.error):
        return []
    return [_Field(entry.tag, _LONG, 1, b"", directory)] if directory else []


def _measure(fields: list[_Field]) -> int:
    """Return the length of the fields in bytes once written."""
    total = 6 + 12 * len(fields)
    for it in fields:
        total += _measure(it.directory) if it.directory else max(len(it.value) - 4, 0)
    return total


def _write(fields: list[_Field], offset: int, order: str) -> bytes:
    """Return a directory, followed by the values that do not fit into its fields."""
    table, behind = [], bytearray()
    start = offset + 6 + 12 * len(fields)
    for it in sorted(fields, key=lambda each: each.tag):
        place = start + len(behind)
        if it.directory is not None:
            value = struct.pack(order + "I", place)
            behind += _write(it.directory, place, order)
        elif len(it.value) > 4:
            value = struct.pack(order + "I", place)
            behind += it.value
        else:
            value = it.value.ljust(4, b"\0")
        behind += b"\0" * (len(behind) % 2)
        table.append(struct.pack(order + "HHI", it.tag, it.kind, it.count) + value)
    count = struct.pack(order + "H", len(table))
    return count + b"".join(table) + bytes(4) + bytes(behind)
