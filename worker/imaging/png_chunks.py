"""The chunks of a PNG."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from isal import isal_zlib

from service.pictures.headers import Resolution

_PER_METER: Final = {"meter": 1, "centimeter": 100}


def header_chunk(width: int, height: int, color_type: int, depth: int = 8) -> bytes:
    """Return the header of a picture that is not interlaced.

    Source: PNG specification, third edition, 11.2.1.
    """
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))


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
    return _chunk(b"iCCP", b"ICC Profile\0" + b"\0" + isal_zlib.compress(profile))


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


def chunk_parts(kind: bytes, pieces: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the parts of a chunk: length and kind, its data as it is, check sum."""
    yield struct.pack(">I4s", sum(map(len, pieces)), kind)
    yield from pieces
    total = isal_zlib.crc32(kind)
    for piece in pieces:
        total = isal_zlib.crc32(piece, total)
    yield struct.pack(">I", total)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join(chunk_parts(kind, (data,)))
