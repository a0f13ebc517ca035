"""The color profile of a PNG file, put in by hand: OpenCV's encoder writes none."""

from __future__ import annotations

import struct
import zlib
from typing import Final

_SIGNATURE_BYTES: Final = 8
_IHDR_BYTES: Final = 25
"""Length, type, 13 bytes of data, check sum."""


def insert_profile(png: bytes, profile: bytes) -> bytes:
    """Give the file with an iCCP chunk after its header.

    Args:
        png: a PNG file without a profile.
        profile: an ICC profile.

    Source: PNG Specification (Third Edition), 11.3.2.3 iCCP.
    """
    position = _SIGNATURE_BYTES + _IHDR_BYTES
    data = b"ICC Profile\0" + b"\0" + zlib.compress(profile)
    return png[:position] + _chunk(b"iCCP", data) + png[position:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
