"""Chunks of a PNG beside its pixels, inserted here because OpenCV's encoder writes none of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from service.pictures.headers import Resolution

_SIGNATURE_BYTES: Final = 8
_HEADER_END: Final = _SIGNATURE_BYTES + 25
"""After the header chunk: length, type, 13 bytes of data, check sum."""

_GRAY_WITH_ALPHA: Final = 4

_PER_METER: Final = {"meter": 1, "centimeter": 100}


def insert_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Return the file with chunks after its header.

    Args:
        png: a PNG file.
        chunks: whole chunks, in the order in which they are to stand; empty ones are left out.
    """
    if not any(chunks):
        return png
    return b"".join((png[:_HEADER_END], *chunks, memoryview(png)[_HEADER_END:]))


def color_space_chunks(color_space: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return chunks that say what the colors mean, as a PNG had them.

    Args:
        color_space: kind and data of each.
    """
    return b"".join(_chunk(kind, data) for kind, data in color_space)


def profile_chunk(profile: bytes | None) -> bytes:
    """Return the chunk of a color profile. Source: PNG specification, third edition, 11.3.2.3."""
    if profile is None:
        return b""
    return _chunk(b"iCCP", b"ICC Profile\0" + b"\0" + zlib.compress(profile))


def resolution_chunk(resolution: Resolution | None) -> bytes:
    """Return the chunk of a resolution. Source: PNG specification, third edition, 11.3.4.3."""
    if resolution is None:
        return b""
    if resolution.per == "none":
        return _chunk(b"pHYs", struct.pack(">IIB", resolution.x, resolution.y, 0))
    if resolution.per == "inch":
        sides = (round(side / 0.0254) for side in (resolution.x, resolution.y))
    else:
        factor = _PER_METER[resolution.per]
        sides = (side * factor for side in (resolution.x, resolution.y))
    return _chunk(b"pHYs", struct.pack(">IIB", *sides, 1))


def exif_chunk(exif: bytes | None) -> bytes:
    """Return the chunk of EXIF. Source: PNG specification, third edition, 11.3.4.5."""
    return b"" if exif is None else _chunk(b"eXIf", exif)


def text_chunks(texts: Mapping[str, str]) -> bytes:
    """Return a chunk a text, in UTF-8. Source: PNG specification, third edition, 11.3.3.4.

    Args:
        texts: by keyword, which is 1 to 79 letters of Latin-1.
    """
    # After the keyword: not compressed, by no method, in no language, translated to nothing.
    return b"".join(
        _chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode())
        for keyword, text in texts.items()
    )


def xmp_chunk(xmp: bytes | None) -> bytes:
    """Return the chunk of XMP, uncompressed. Source: XMP specification part 3, 1.1.5."""
    return b"" if xmp is None else text_chunks({"XML:com.adobe.xmp": xmp.decode()})


def pair_channels(png: bytes) -> bytes:
    """Return a gray PNG of twice the width as gray with alpha, every second value an alpha.

    The two are stored alike as long as no row is filtered by its left neighbor.

    Args:
        png: 8-bit gray; each row unfiltered, or filtered by the row above.
    """
    width, *rest = struct.unpack_from(">IIBBBBB", png, _SIGNATURE_BYTES + 8)
    rest[2] = _GRAY_WITH_ALPHA
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width // 2, *rest))
    return b"".join((png[:_SIGNATURE_BYTES], header, memoryview(png)[_HEADER_END:]))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
