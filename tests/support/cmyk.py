"""A color profile for CMYK, made by hand."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping
from types import MappingProxyType


def make_cmyk_profile(more: Mapping[bytes, bytes] = MappingProxyType({})) -> bytes:
    """Return a profile by which inks darken the paper evenly, black alone to black, and tint it.

    Args:
        more: tags to be added.

    Source: ICC.1:2022, 7.2 and 10.10 (lut8Type).
    """
    grid = b"".join(
        _encode(
            *((1 - k) * value for value in (100 - 20 * (c + m + y), 30 * (m - c), 30 * (y - c)))
        )
        for c, m, y, k in itertools.product((0, 1), repeat=4)
    )
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    head = b"mft1" + bytes(4) + struct.pack(">BBBB", 4, 3, 2, 0) + identity
    ramp = bytes(range(256))
    table = head + ramp * 4 + grid + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"CMYK\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"CC0\0",
        b"wtpt": white,
        b"A2B0": table,
        **more,
    }
    directory, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">8xI4s4s4s12x4s28x", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    whole = (header + white[8:]).ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body
    return struct.pack(">I", len(whole)) + whole[4:]


def make_steps(count: int) -> bytes:
    """Return a table of floating point that chains so many steps; all but the last do nothing.

    Source: ICC.1:2022, 10.17 (multiProcessElementsType).
    """
    steps = [_make_matrix(4), _make_matrix(3)]
    start, length = 16 + 8 * count, len(steps[0])
    places = struct.pack(">II", start, length) * (count - 1)
    places += struct.pack(">II", start + length, len(steps[1]))
    return b"mpet" + bytes(4) + struct.pack(">HHI", 4, 3, count) + places + b"".join(steps)


def _make_matrix(channels: int) -> bytes:
    rows = [[float(row == column) for column in range(4)] for row in range(channels)]
    numbers = [*itertools.chain(*rows), *[0.0] * channels]
    return b"matf" + bytes(4) + struct.pack(f">HH{len(numbers)}f", 4, channels, *numbers)


def _encode(lightness: float, a: float, b: float) -> bytes:
    values = (lightness * 255 / 100, a + 128, b + 128)
    return bytes(min(max(round(value), 0), 255) for value in values)
