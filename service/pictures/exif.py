"""EXIF: which way up a picture is, and how many pixels an inch has.

Read here and not by Pillow, whose parser warns through the process-wide filter and takes the
orientation from other places too, so that two readers of one file could disagree.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from service.pictures.picture_header import Resolution, make_resolution

ORIENTATION: Final = 0x0112
X_RESOLUTION: Final = 0x011A
Y_RESOLUTION: Final = 0x011B
RESOLUTION_UNIT: Final = 0x0128

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of one value, by its type's number. Source: TIFF 6.0, section 2."""

_METERS: Final = {2: 0.0254, 3: 0.01}
"""Length of EXIF's resolution unit, by its number."""


@dataclass(frozen=True)
class Entry:
    """One field of an EXIF directory.

    Attributes:
        tag: its number.
        kind: number of its type.
        count: how many values it has.
        start: where they lie in the block.
        size: how many bytes they take.
    """

    tag: int
    kind: int
    count: int
    start: int
    size: int


def byte_order(exif: bytes) -> str:
    """Give the byte order of an EXIF block in struct's words.

    Raises:
        ValueError: it has none.
    """
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    if exif[:4] not in orders:
        raise ValueError("this is no EXIF")
    return orders[exif[:4]]


def read_directory(exif: bytes, offset: int) -> list[Entry]:
    """Read a directory; fields that are broken, or lie outside of the block, are left out.

    Args:
        exif: the block, beginning with its byte order.
        offset: where the directory lies in it.

    Raises:
        ValueError, struct.error: it is no directory.

    Source: TIFF 6.0, section 2; EXIF 2.32, section 4.6.
    """
    order = byte_order(exif)
    (count,) = struct.unpack_from(order + "H", exif, offset)
    entries = []
    for index in range(count):
        place = offset + 2 + 12 * index
        if place + 12 > len(exif):
            break
        tag, kind, values = struct.unpack_from(order + "HHI", exif, place)
        size = values * _SIZES.get(kind, 0)
        start = place + 8 if size <= 4 else struct.unpack_from(order + "I", exif, place + 8)[0]
        if size > 0 and start + size <= len(exif):
            entries.append(Entry(tag, kind, values, start, size))
    return entries


def first_directory(exif: bytes) -> int:
    """Give where the main directory lies.

    Raises:
        ValueError, struct.error: there is none.
    """
    offset: int = struct.unpack_from(byte_order(exif) + "I", exif, 4)[0]
    return offset


def read_placement(exif: bytes | None) -> tuple[int, Resolution | None]:
    """Give orientation and resolution; a block that cannot be read says nothing.

    Args:
        exif: the block, beginning with its byte order.

    Returns:
        Orientation 1..8, where 0, 9 and all else that EXIF does not know count as 1; resolution.
    """
    if exif is None:
        return 1, None
    try:
        entries = read_directory(exif, first_directory(exif))
        orientation = _read_integer(exif, entries, ORIENTATION)
        resolution = _read_resolution(exif, entries)
    except (ValueError, struct.error):
        return 1, None
    return (orientation if orientation in range(1, 9) else 1), resolution


def _find(entries: Iterable[Entry], tag: int) -> Entry | None:
    return next((entry for entry in entries if entry.tag == tag), None)


def _read_integer(exif: bytes, entries: list[Entry], tag: int) -> int:
    entry = _find(entries, tag)
    if entry is None or entry.kind not in (1, 3, 4):
        return 0
    form = {1: "B", 3: "H", 4: "I"}[entry.kind]
    value: int = struct.unpack_from(byte_order(exif) + form, exif, entry.start)[0]
    return value


def _read_resolution(exif: bytes, entries: list[Entry]) -> Resolution | None:
    meters = _METERS.get(_read_integer(exif, entries, RESOLUTION_UNIT) or 2)
    sides = []
    for tag in (X_RESOLUTION, Y_RESOLUTION):
        entry = _find(entries, tag)
        if entry is None or entry.kind != 5 or meters is None:
            return None
        over, under = struct.unpack_from(byte_order(exif) + "II", exif, entry.start)
        sides.append(round(over / under / meters) if under else 0)
    return make_resolution(sides[0], sides[1], "meter")
