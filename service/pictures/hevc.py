"""The size that HEVC parameters declare, and whether the data beside them is one picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from service.contract.errors import ImageUndecodable
from service.pictures.bits import BitReader

MAX_UNITS: Final = 1024
"""Limit of units in the data of a picture, one for each slice and some that describe it, and of
those in a configuration."""

_SEQUENCE: Final = 33
_SEQUENCE_BYTES: Final = 4096
_SLICES: Final = range(32)
_SCALES: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
"""Pixels across and down that share a value of color, by chroma format."""


def check_hevc(file: BinaryIO, length: int, config: bytes, size: tuple[int, int]) -> int:
    """Check that HEVC data is one picture of a size, and return its number of units.

    Args:
        file: the data alone; read from its start.
        length: its length.
        config: the decoder's configuration, the box hvcC.
        size: width and height that the container declares.

    Raises:
        ImageUndecodable: it has another size, or several pictures.

    Source: ISO/IEC 14496-15, 8.3.3.1; ITU-T H.265, 7.3.1 and 7.3.2.2.
    """
    parameters = list(_iter_parameters(config))
    sequences = {unit for unit in parameters if unit[0] >> 1 & 0x3F == _SEQUENCE}
    if {_read_size(unit) for unit in sequences} != {size}:
        raise ImageUndecodable("the HEIC's data has another size than its container declares")
    # Tiles may share a configuration, which is read for each.
    pictures, units = 0, len(parameters)
    for head, start, end in _iter_units(file, length, (config[21] & 3) + 1):
        units += 1
        kind = head[0] >> 1 & 0x3F
        if kind == _SEQUENCE and _read(file, start, end) not in sequences:
            raise ImageUndecodable("the HEIC's data has another size than its container declares")
        pictures += kind in _SLICES and bool(head[2] & 0x80)
    if pictures != 1:
        raise ImageUndecodable("the HEIC's data is not one picture")
    return units


def _iter_parameters(config: bytes) -> Iterator[bytes]:
    place, total = 23, 0
    for _ in range(config[22]):
        (count,) = struct.unpack_from(">H", config, place + 1)
        place, total = place + 3, total + count
        if total > MAX_UNITS:
            raise ImageUndecodable("the HEIC's data has too many units")
        for _ in range(count):
            (length,) = struct.unpack_from(">H", config, place)
            yield config[place + 2 : place + 2 + min(length, _SEQUENCE_BYTES)]
            place += 2 + length


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, _SEQUENCE_BYTES))


def _iter_units(file: BinaryIO, length: int, length_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the first three bytes of each unit, and where it starts and ends."""
    position = 0
    for _ in range(MAX_UNITS):
        if position == length:
            return
        file.seek(position)
        head = file.read(length_bytes + 3)
        start = position + length_bytes
        position += length_bytes + int.from_bytes(head[:length_bytes])
        if position > length or len(head) < length_bytes + 3:
            raise ImageUndecodable("the HEIC's data is cut short")
        yield head[length_bytes:], start, position
    raise ImageUndecodable("the HEIC's data has too many units")


def _read_size(sequence: bytes) -> tuple[int, int]:
    """Return width and height of a sequence, without its margins."""
    bits = BitReader(sequence[2:].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    _skip_levels(bits, layers)
    bits.take_golomb()
    chroma = bits.take_golomb()
    if chroma == 3:
        bits.take(1)
    width, height = bits.take_golomb(), bits.take_golomb()
    if bits.take(1):
        across, down = _SCALES.get(chroma, (1, 1))
        width -= across * (bits.take_golomb() + bits.take_golomb())
        height -= down * (bits.take_golomb() + bits.take_golomb())
    return width, height


def _skip_levels(bits: BitReader, layers: int) -> None:
    """Skip profile, tier and level of a sequence and of its layers. Source: H.265, 7.3.3."""
    bits.take(88 + 8)
    flags = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in flags:
        bits.take(88 * has_profile + 8 * has_level)
