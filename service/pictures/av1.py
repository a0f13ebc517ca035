"""The size that AV1 data declares, and how many frames it holds: read from its headers alone.

A decoder allocates what these headers say, whatever the container around them says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from service.contract.errors import ImageUndecodable
from service.pictures.bits import BitReader

MAX_UNITS: Final = 512
"""Limit of units in the data of a still picture, which has three or four."""

MAX_FRAMES: Final = 8
"""Limit; a layered picture has up to four."""

_SEQUENCE_HEADER: Final = 1
_FRAMES: Final = frozenset((3, 6))
_SEQUENCE_BYTES: Final = 512


def check_av1(file: BinaryIO, length: int, size: tuple[int, int]) -> int:
    """Check that AV1 data is one picture of a size, and return its number of units.

    Args:
        file: the data alone; read from its start.
        length: its length.
        size: width and height that the container declares.

    Raises:
        ImageUndecodable: it has another size, too many frames or units, or no header.

    Source: AV1 Bitstream & Decoding Process Specification, sections 5.3 to 5.5.
    """
    sizes, frames, units = set(), 0, 0
    for kind, start, end in _iter_units(file, length):
        units += 1
        frames += kind in _FRAMES
        if frames > MAX_FRAMES:
            raise ImageUndecodable("the AVIF's data has too many frames")
        if kind == _SEQUENCE_HEADER:
            file.seek(start)
            sizes.add(_read_size(file.read(min(end - start, _SEQUENCE_BYTES))))
    if sizes != {size}:
        raise ImageUndecodable("the AVIF's data has another size than its container declares")
    return units


def _iter_units(file: BinaryIO, length: int) -> Iterator[tuple[int, int, int]]:
    """Yield the type of each unit, and where its data starts and ends."""
    position = 0
    for _ in range(MAX_UNITS):
        if position >= length:
            return
        file.seek(position)
        head = file.read(10)
        kind, has_extension, has_size = head[0] >> 3 & 15, head[0] >> 2 & 1, head[0] >> 1 & 1
        start = position + 1 + has_extension
        size = length - start
        if has_size:
            size, used = _read_leb128(head[1 + has_extension :])
            start += used
        position = start + size
        if position > length:
            raise ImageUndecodable("the AVIF's data is cut short")
        yield kind, start, position
    raise ImageUndecodable("the AVIF's data has too many units")


def _read_leb128(data: bytes) -> tuple[int, int]:
    """Return a number of seven bits a byte, and how many bytes it takes."""
    value = 0
    for index, byte in enumerate(data[:8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, index + 1
    raise ImageUndecodable("the AVIF's data is broken")


def _read_size(header: bytes) -> tuple[int, int]:
    """Return the largest width and height of a sequence."""
    bits = BitReader(header)
    bits.take(3 + 1)
    if bits.take(1):  # a still picture's short header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(across) + 1, bits.take(down) + 1


def _skip_operating_points(bits: BitReader) -> None:
    delay_bits = _skip_timing(bits) if bits.take(1) else 0
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)


def _skip_timing(bits: BitReader) -> int:
    """Skip when pictures are shown, and return the length of a decoder's delay in bits."""
    bits.take(32 + 32)
    if bits.take(1):
        bits.take_golomb()
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(32 + 5 + 5)
    return delay_bits
