"""Pixels of a PNG of 16 bits a channel, which Pillow by itself cuts to 8, or shows in another mode.

Its decoder hands out bytes as a raw mode names them: so the high ones and the low ones are read,
each as a picture of 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from PIL import Image, ImageChops

from service.contract.errors import ImageUndecodable
from service.pictures.opening import OPENERS, transparent_value
from service.pictures.picture_header import PictureHeader
from service.pictures.splice import splice

BAND_ROWS: Final = 256
"""Rows that are compared at once."""


class Planes(NamedTuple):
    """The bytes of every number, high and low: two RGBA pictures."""

    high: Image.Image
    low: Image.Image


def read_planes(file: BinaryIO, header: PictureHeader) -> Planes:
    """Decode a PNG of 16 bits; a transparent value becomes alpha. It is not turned upright.

    Raises:
        ImageUndecodable: Pillow sees another size than the header declares.
        Exception: nearly any; the data is broken.
    """
    high, low = (each.convert("RGBA") for each in _load_planes(file, header))
    if header.transparency is not None:
        alpha = ImageChops.invert(find_transparent(file, header))
        high.putalpha(alpha)
        low.putalpha(alpha)
    return Planes(high, low)


def find_transparent(file: BinaryIO, header: PictureHeader) -> Image.Image:
    """Return where the transparent value of a PNG of 16 bits stands: mode L, 255 there.

    Raises:
        ImageUndecodable: Pillow sees another size than the header declares.
        ValueError: there is no such value.
        Exception: nearly any; the data is broken.
    """
    value = transparent_value(header, deep=True)
    if value is None:
        raise ValueError("the PNG has no transparent value")
    values = value if isinstance(value, tuple) else (value,)
    found, shift = Image.new("L", (header.width, header.height), 255), 8
    for plane in _load_planes(file, header):
        _clear_others(found, plane, [number >> shift & 255 for number in values])
        shift -= 8
        # The next one is not to be decoded beside it.
        del plane
    return found


def _clear_others(found: Image.Image, plane: Image.Image, values: list[int]) -> None:
    """Write 0 to where a plane has other bytes, by bands: each step takes one more copy."""
    for top in range(0, found.height, BAND_ROWS):
        box = (0, top, found.width, min(found.height, top + BAND_ROWS))
        band, part = found.crop(box), plane.crop(box)
        for channel, value in enumerate(values):
            matches = part.getchannel(channel).point([255 * (byte == value) for byte in range(256)])
            band = ImageChops.darker(band, matches)
        found.paste(band, box)


def round_to_8_bits(planes: Planes) -> Image.Image:
    """Return the nearest numbers of 8 bits, of which 255 stands for 65,535."""
    # (256 high + low) / 257, rounded, is the high byte or one beside it.
    table = ([0] * 129 + [1] * 127) * 4
    above = ImageChops.subtract(planes.low, planes.high).point(table)
    below = ImageChops.subtract(planes.high, planes.low).point(table)
    return ImageChops.subtract(ImageChops.add(planes.high, above), below)


def _load_planes(file: BinaryIO, header: PictureHeader) -> Iterator[Image.Image]:
    """Yield the high bytes and the low ones: mode L, LA, RGB or RGBA."""
    if header.mode == "I;16":
        yield from _load(file, header, "LA", "LA").split()
    elif header.mode == "LA":
        high, low, high_alpha, low_alpha = _load(file, header, "RGBA", "RGBA").split()
        yield Image.merge("LA", (high, high_alpha))
        yield Image.merge("LA", (low, low_alpha))
    else:
        yield _load(file, header, header.mode, f"{header.mode};16B")
        yield _load(file, header, header.mode, f"{header.mode};16L")


def _load(file: BinaryIO, header: PictureHeader, mode: str, raw_mode: str) -> Image.Image:
    """Decode a PNG's bytes in a mode of as many bytes a pixel as the raw mode takes."""
    image = OPENERS["png"](splice(file, header.pixels))
    if image.size != (header.width, header.height):
        raise ImageUndecodable("the picture's data has another size than its header")
    image._mode = mode
    image.tile = [tile._replace(args=raw_mode) for tile in image.tile]  # type: ignore[attr-defined]
    image.load()
    return image
