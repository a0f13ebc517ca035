"""Bytes to pictures.

Which mode a file comes back in:

| file | picture |
|---|---|
| gray, 1 or 8 bits | `L` |
| gray with alpha, or with one transparent value | `LA` |
| RGB, YCbCr | `RGB` |
| RGBA, or RGB with one transparent color | `RGBA` |
| palette | `RGB`; `RGBA` if an entry is transparent |
| 16 bits a channel, CMYK, anything else | refused |

Sixteen bits and CMYK are refused because every way to eight bits of RGB changes the pixels that are
to be kept.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from service.contract.errors import ImageUndecodable
from service.contract.images import check_kind, check_pixels, open_picture
from service.contract.picture_headers import decoding, read_header
from worker.imaging import AlphaArray, ImageArray
from worker.imaging.picture import Picture

_TARGETS: Final = {
    "1": ("L", "LA"),
    "L": ("L", "LA"),
    "LA": ("LA", "LA"),
    "P": ("RGB", "RGBA"),
    "RGB": ("RGB", "RGBA"),
    "RGBA": ("RGBA", "RGBA"),
}
"""For each mode of Pillow's: what it becomes without and with a transparent value in the header."""


def decode_picture(data: bytes, max_pixels: int) -> Picture:
    """Decode a PNG, JPEG or WebP file; EXIF orientation is applied, the color profile kept.

    Args:
        data: the file.
        max_pixels: width x height that the header may declare.

    Raises:
        ImageTooLarge: the header declares more; nothing was decoded.
        UnsupportedMediaType: another format, animated, 16 bits a channel, or CMYK.
        ImageUndecodable: the file is broken.
    """
    upright = load_upright(data, max_pixels)
    target = _TARGETS[upright.mode]["transparency" in upright.info]
    color, alpha = _split(np.asarray(upright.convert(target)))
    return Picture(color, alpha, upright.info.get("icc_profile") or None)


def load_upright(data: bytes, max_pixels: int) -> Image.Image:
    """Decode all pixels, in the file's own mode, and apply the EXIF orientation.

    Raises:
        ImageTooLarge: the header declares more pixels; nothing was decoded.
        UnsupportedMediaType: another format, animated, 16 bits a channel, or CMYK.
        ImageUndecodable: the file is broken.
    """
    file = BytesIO(data)
    header = read_header(file)
    check_kind(header)
    check_pixels(header, max_pixels)
    with decoding(ImageUndecodable("the picture's header is broken")):
        image = open_picture(file, header)
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except MemoryError:
        # Not the file's fault, and told as what it is.
        raise
    # Decoders raise nearly anything on broken data: OSError, SyntaxError, struct.error, ...
    except Exception:
        raise ImageUndecodable("the picture's data is broken or ends too early") from None


def _split(pixels: ImageArray) -> tuple[ImageArray, AlphaArray | None]:
    """Take color and alpha apart, as copies that share nothing with Pillow's memory."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels.copy(), None
    color = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return np.ascontiguousarray(color), np.ascontiguousarray(pixels[..., -1])
