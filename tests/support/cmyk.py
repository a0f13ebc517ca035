"""A color profile for CMYK, made by hand."""

from __future__ import annotations

import itertools
import struct


def make_cmyk_profile() -> bytes:
    """Return a profile by which inks darken the paper evenly, black alone to black, and tint it.

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
    }
    directory, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">8xI4s4s4s12x4s28x", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    whole = (header + white[8:]).ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body
    return struct.pack(">I", len(whole)) + whole[4:]


def _encode(lightness: float, a: float, b: float) -> bytes:
    values = (lightness * 255 / 100, a + 128, b + 128)
    return bytes(min(max(round(value), 0), 255) for value in values)
