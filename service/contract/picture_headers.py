"""What a picture's file declares in its first bytes: format, size, depth.

Read here and not by Pillow, because Pillow's WebP reader allocates the whole canvas before anybody
can look at its size, and because it cuts a 16-bit PNG to 8 bits in silence.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidInput,
    PaintjobError,
    UnsupportedMediaType,
)

MAX_PNG_CHUNKS = 65_536
"""A 25 MB file with chunks of 8 kB has 3,000; millions of empty ones only cost time."""

MAX_JPEG_SEGMENTS = 4096
"""Before the pixels, fill bytes included; 25 million of them take a minute to walk."""

MAX_JPEG_SCANS = 100
"""Progressive files have about ten. A scan of 14 bytes costs a pass over all coefficients: without
a limit one file of 1 MB holds a decoder for an hour."""

# Within a scan FF is followed by 00, or by one of eight restart markers.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)


@dataclass(frozen=True)
class PictureHeader:
    """What the first bytes of a file declare.

    Attributes:
        format: `png`, `jpeg` or `webp`.
        width: pixels, before EXIF orientation.
        height: pixels, before EXIF orientation.
        depth: bits a channel.
        channels: 4 in a JPEG means CMYK; 0 where it does not matter.
        animated: whether the file holds more than one frame.
        late_exif: EXIF that a PNG carries after its pixels.
    """

    format: str
    width: int
    height: int
    depth: int = 8
    channels: int = 0
    animated: bool = False
    late_exif: bytes | None = None


@contextmanager
def decoding(error: InvalidInput) -> Iterator[None]:
    """Turn whatever a decoder raises into one error; want of memory is not the picture's fault."""
    try:
        yield
    except (PaintjobError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLarge("the picture declares too many pixels") from None
    # Decoders raise nearly anything on hostile bytes: OSError, SyntaxError, struct.error, ...
    except Exception:
        raise error from None


def read_header(file: BinaryIO) -> PictureHeader:
    """Read what a file declares, by its content and never by its name.

    Raises:
        UnsupportedMediaType: it is no PNG, JPEG or WebP.
        ImageUndecodable: its header is broken.
    """
    file.seek(0)
    start = file.read(32)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        read = _read_png_header
    elif start.startswith(b"\xff\xd8\xff"):
        read = _read_jpeg_header
    elif start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        read = _read_webp_header
    else:
        raise UnsupportedMediaType("the picture must be PNG, JPEG or WebP; it is judged by content")
    with decoding(ImageUndecodable("the picture's header is broken")):
        header = read(file)
        if header.width and header.height:
            return header
    raise ImageUndecodable("the picture has no pixels")


def _read_png_header(file: BinaryIO) -> PictureHeader:
    """Walk the chunks of a PNG. Source: PNG specification, third edition, sections 5 and 11."""
    file.seek(8)
    length, kind, width, height, depth = struct.unpack(">I4sIIB", file.read(17))
    if kind != b"IHDR" or length != 13:
        raise ImageUndecodable("the PNG does not begin with its header")
    animated, late_exif, pixels_seen = False, None, False
    position = 33
    for _ in range(MAX_PNG_CHUNKS):
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return PictureHeader("png", width, height, depth, 0, animated, late_exif)
        animated = animated or kind == b"acTL"
        pixels_seen = pixels_seen or kind == b"IDAT"
        if kind == b"eXIf" and pixels_seen and length < 65_536:
            late_exif = file.read(length)
        position += length + 12
    raise ImageUndecodable("the PNG has too many chunks")


def _read_jpeg_header(file: BinaryIO) -> PictureHeader:
    """Find the frame header of a JPEG and count its scans. Source: ITU-T T.81, annex B."""
    header, position = None, 2
    for _ in range(MAX_JPEG_SEGMENTS):
        file.seek(position)
        prefix, marker = file.read(2)
        if prefix != 0xFF:
            raise ImageUndecodable("the JPEG's markers are broken")
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            position += 2
        elif marker in (0xD9, 0xDA):
            if header is None:
                raise ImageUndecodable("the JPEG has no frame header")
            file.seek(position)
            _check_jpeg_scans(file.read())
            return header
        else:
            body = file.read(8)
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                depth, height, width, channels = struct.unpack(">xxBHHB", body)
                header = header or PictureHeader("jpeg", width, height, depth, channels)
            position += 2 + struct.unpack_from(">H", body)[0]
    raise ImageUndecodable("the JPEG has too many segments")


def _check_jpeg_scans(data: bytes) -> None:
    """Refuse a JPEG whose decoding would take far longer than its size lets expect.

    Args:
        data: the file from its first scan on.
    """
    position, scans = 0, 0
    for _ in range(MAX_JPEG_SEGMENTS):
        found = _JPEG_MARKER.search(data, position)
        if found is None or found[1] == b"\xd9":
            return
        position = found.end()
        if found[1] == b"\xda":
            scans += 1
        if found[1] != b"\x01":
            position += int.from_bytes(data[position : position + 2])
        if scans > MAX_JPEG_SCANS:
            raise ImageUndecodable(f"the JPEG has more than {MAX_JPEG_SCANS} scans")
    raise ImageUndecodable("the JPEG has too many segments")


def _read_webp_header(file: BinaryIO) -> PictureHeader:
    """Read the first chunk of a WebP. Source: RFC 9649, section 2, and RFC 6386, section 9.1."""
    file.seek(12)
    start = file.read(18)
    kind, body = start[:4], start[8:]
    if kind == b"VP8X":
        flags, width, height = body[0], body[4:7], body[7:10]
        across, down = (int.from_bytes(side, "little") + 1 for side in (width, height))
        return PictureHeader("webp", across, down, animated=bool(flags & 0x02))
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return PictureHeader("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", body[6:10])
        return PictureHeader("webp", width & 0x3FFF, height & 0x3FFF)
    raise ImageUndecodable("the WebP does not begin with a picture")
