"""EXIF: the orientation of a picture, and its pixels per inch.

Not read by Pillow, whose parser warns through the process-wide filter and also takes the
orientation from other places, so that two readers of one file could disagree.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from service.pictures.picture_header import Resolution, make_resolution

ORIENTATION: Final = 0x0112
X_RESOLUTION: Final = 0x011A
Y_RESOLUTION: Final = 0x011B
RESOLUTION_UNIT: Final = 0x0128

_READ: Final = frozenset({ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT})

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of one value, by its type's number. Source: TIFF 6.0, section 2."""

_METERS: Final = {2: 0.0254, 3: 0.01}
"""Length of a resolution unit, by its number in EXIF."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of an EXIF directory.

    Attributes:
        tag: its number.
        kind: number of its type.
        count: number of values.
        start: position of the values in the block.
        size: length of the values in bytes.
    """

    tag: int
    kind: int
    count: int
    start: int
    size: int


def byte_order(exif: bytes) -> str:
    """Return the byte order of an EXIF block, as `struct` writes it.

    Raises:
        ValueError: it is not EXIF.
    """
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    if exif[:4] not in orders:
        raise ValueError("not an EXIF block")
    return orders[exif[:4]]


def measure_directory(exif: bytes, offset: int) -> int:
    """Return the length of a directory in bytes, as far as it is inside of the block.

    Raises:
        ValueError, struct.error: there is no directory.
    """
    (count,) = struct.unpack_from(byte_order(exif) + "H", exif, offset)
    return min(2 + 12 * int(count), len(exif) - offset)


def iter_directory(exif: bytes, offset: int) -> Iterator[Entry]:
    """Yield the fields of a directory; broken ones, and values outside of the block, are left out.

    Args:
        exif: the block, beginning with its byte order.
        offset: position of the directory in it.

    Raises:
        ValueError, struct.error: there is no directory.

    Source: TIFF 6.0, section 2; EXIF 2.32, section 4.6.
    """
    order = byte_order(exif)
    (count,) = struct.unpack_from(order + "H", exif, offset)
    start, end = offset + 2, offset + 2 + 12 * count
    table = memoryview(exif)[start : min(end, start + (len(exif) - start) // 12 * 12)]
    places = range(start, end, 12)
    for place, field in zip(places, struct.iter_unpack(order + "HHII", table), strict=False):
        tag, kind, values, target = field
        size = values * _SIZES.get(kind, 0)
        begin = place + 8 if size <= 4 else target
        if 0 < size <= len(exif) - begin:
            yield Entry(tag, kind, values, begin, size)


def first_directory(exif: bytes) -> int:
    """Return the position of the main directory.

    Raises:
        ValueError, struct.error: there is none.
    """
    offset: int = struct.unpack_from(byte_order(exif) + "I", exif, 4)[0]
    return offset


def read_placement(exif: bytes | None) -> tuple[int, Resolution | None]:
    """Return orientation and resolution; a block that cannot be read has neither.

    Args:
        exif: the block, beginning with its byte order.

    Returns:
        Orientation 1..8, where every other value counts as 1; resolution.
    """
    if exif is None:
        return 1, None
    try:
        fields = iter_directory(exif, first_directory(exif))
        entries = [field for field in fields if field.tag in _READ]
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
