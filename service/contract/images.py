"""What a picture's file says of itself, and whether it is whole, without decoding it in full.

The header is read here and not by Pillow, because Pillow's WebP reader allocates the whole canvas
before anybody can look at its size, and because it cuts a 16-bit PNG to 8 bits in silence.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidField,
    InvalidInput,
    PaintjobError,
    UnsupportedMediaType,
)

MIN_SIDE_PIXELS = 64
MAX_ASPECT = 16
"""The longer side may be so many times the shorter one."""

MAX_PNG_CHUNKS = 65_536
"""A 25 MB file with chunks of 8 kB has 3,000; millions of empty ones only cost time."""

ORIENTATION_TAG = 0x0112
_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_OPENERS: Mapping[str, Callable[[BinaryIO], Image.Image]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}


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


@dataclass(frozen=True)
class PictureInfo:
    """A picture that passed the checks.

    Attributes:
        format: `png`, `jpeg` or `webp`, found by content.
        mode: Pillow's mode.
        width: pixels, before EXIF orientation is applied.
        height: pixels, before EXIF orientation is applied.
        orientation: EXIF orientation, 1..8.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once EXIF orientation is applied."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)


def check_picture(file: BinaryIO, max_pixels: int) -> PictureInfo:
    """Check that a file is one whole picture that Paintjob takes.

    Args:
        file: seekable; read from its start.
        max_pixels: width times height must not exceed it.

    Raises:
        UnsupportedMediaType: it is no PNG, JPEG or WebP, is animated, CMYK or deeper than 8 bits.
        ImageTooLarge: the header declares too many pixels.
        InvalidField: a side is too short, or one is too long for the other.
        ImageUndecodable: it is broken or cut.
    """
    header = read_header(file)
    check_kind(header)
    check_pixels(header, max_pixels)
    _check_shape(header)
    with decoding(ImageUndecodable("the picture is broken or cut short")):
        image = open_picture(file, header)
        info = describe_picture(image, header)
        _check_structure(image, header)
    return info


def check_kind(header: PictureHeader) -> None:
    """Refuse what would have to be converted by guesswork.

    Raises:
        UnsupportedMediaType: the picture is animated, CMYK or deeper than 8 bits a channel.
    """
    if header.animated:
        raise UnsupportedMediaType("the picture is animated; send one frame")
    if header.depth > 8:
        raise UnsupportedMediaType("the picture has more than 8 bits a channel; convert it to 8")
    if header.channels == 4:
        raise UnsupportedMediaType("the JPEG is CMYK; convert it to RGB")


def check_pixels(header: PictureHeader, max_pixels: int) -> None:
    """Refuse a picture by the size that its header declares, before anything is decoded.

    Raises:
        ImageTooLarge: it has more pixels than the limit.
    """
    if header.width * header.height > max_pixels:
        raise ImageTooLarge(f"the picture declares more than {max_pixels} pixels")


def open_picture(file: BinaryIO, header: PictureHeader) -> Image.Image:
    """Open a picture with Pillow, by its own reader; no pixel is decoded.

    Call it inside `decoding`, after `check_pixels`.

    Raises:
        ImageUndecodable: Pillow sees another size than the header declares.
    """
    file.seek(0)
    image = _OPENERS[header.format](file)
    if image.size != (header.width, header.height):
        raise ImageUndecodable("the picture contradicts its own header")
    if image.mode not in _MODES:
        raise UnsupportedMediaType(f"pictures of mode {image.mode} are not taken; send 8-bit RGB")
    return image


def describe_picture(image: Image.Image, header: PictureHeader) -> PictureInfo:
    """Tell format, mode, size and orientation of an opened picture, without decoding it."""
    if header.late_exif is not None:
        image.info.setdefault("exif", header.late_exif)
    # PngImageFile.getexif would decode all pixels to look for EXIF behind them.
    orientation = Image.Image.getexif(image).get(ORIENTATION_TAG, 1)
    return PictureInfo(header.format, image.mode, header.width, header.height, orientation or 1)


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


def _check_shape(header: PictureHeader) -> None:
    short, long = sorted((header.width, header.height))
    if short < MIN_SIDE_PIXELS:
        raise InvalidField(f"each side must have at least {MIN_SIDE_PIXELS} pixels")
    if long > MAX_ASPECT * short:
        raise InvalidField(f"the longer side may be at most {MAX_ASPECT} times the shorter one")


def _check_structure(image: Image.Image, header: PictureHeader) -> None:
    """Find truncation and broken structure cheaply; a WebP has been checked by opening it."""
    if header.format == "png":
        image.verify()
    elif header.format == "jpeg":
        # The whole stream is read, but only one coefficient in 64 is turned into a pixel.
        image.draft(image.mode, (header.width // 8, header.height // 8))
        image.load()


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
    """Find the frame header of a JPEG. Source: ITU-T T.81, annex B."""
    position = 2
    while True:
        file.seek(position)
        prefix, marker = file.read(2)
        if prefix != 0xFF:
            raise ImageUndecodable("the JPEG's markers are broken")
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            position += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            depth, height, width, channels = struct.unpack(">xxBHHB", file.read(8))
            return PictureHeader("jpeg", width, height, depth, channels)
        elif marker in (0xD9, 0xDA):
            raise ImageUndecodable("the JPEG has no frame header")
        else:
            position += 2 + struct.unpack(">H", file.read(2))[0]


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
