"""One case of the corpus, and the pictures that cases are made from."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from pi_heif import HeifImageFile  # type: ignore[import-untyped]
from PIL import Image, ImageOps

from tests.support.pictures import encode, make_alpha, make_rgb
from worker.imaging import DeepArray, ImageArray

WIDTH, HEIGHT = 96, 64
UNDECODABLE = frozenset({"image_undecodable"})
UNSUPPORTED = frozenset({"unsupported_media_type"})
INVALID = frozenset({"invalid_field"})
TOO_LARGE = frozenset({"image_too_large"})


@dataclass(frozen=True, eq=False)
class Case:
    """One file.

    Attributes:
        name: what is odd about it.
        data: the file.
        codes: errors by which the API may refuse it; empty if it must let it through.
        pixels: what it decodes to, with alpha as last channel; `None` if it does not.
        may_pass: whether the API may let it through as well, for the worker to judge.
    """

    name: str
    data: bytes
    codes: frozenset[str] = frozenset()
    pixels: ImageArray | DeepArray | None = None
    may_pass: bool = False


def see_with_pillow(data: bytes) -> ImageArray:
    """Return what Pillow makes of a whole file, upright; of a TIFF as gray or RGB."""
    with _open(data) as image:
        turned = ImageOps.exif_transpose(image)
        if image.format == "TIFF":
            turned = turned.convert({"1": "L", "P": "RGB"}.get(turned.mode, turned.mode))
        return np.asarray(turned)


def _open(data: bytes) -> Image.Image:
    return HeifImageFile(io.BytesIO(data)) if b"heic" in data[:12] else Image.open(io.BytesIO(data))


def see_deep(data: bytes) -> DeepArray:
    """Return what libpng makes of a PNG of 16 bits, through OpenCV: (H, W, C)."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16:
        raise ValueError("no PNG of 16 bits")
    if values.ndim == 2:
        return np.asarray(values[..., None], np.uint16)
    color_type = data[25]
    order = {2: [2, 1, 0], 4: [0, 3], 6: [2, 1, 0, 3]}[color_type]
    return np.asarray(values[..., order], np.uint16)


def turn_by_pillow(pixels: ImageArray, orientation: int) -> ImageArray:
    """Return pixels turned upright by Pillow, whose turning is the reference."""
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def make_picture() -> ImageArray:
    """Return the RGB picture that most files hold."""
    return make_rgb("texture", WIDTH, HEIGHT)


def make_gray(levels: int = 256) -> ImageArray:
    """Return a gray picture of so many levels, from 0."""
    return (make_rgb("texture", WIDTH, HEIGHT)[..., 1].astype(int) * levels // 256).astype(np.uint8)


def make_files() -> dict[str, bytes]:
    """Return a whole file of each format and coding."""
    rgb = make_picture()
    rgba = np.dstack((rgb, make_alpha(WIDTH, HEIGHT)))
    return {
        "png": encode(rgb),
        "jpeg": encode(rgb, "JPEG", quality=90),
        "jpeg progressive": encode(rgb, "JPEG", quality=90, progressive=True),
        "webp": encode(rgb, "WEBP"),
        "webp lossless": encode(rgb, "WEBP", lossless=True),
        "webp alpha": encode(rgba, "WEBP", exact=True),
    }


def put(data: bytes, position: int, replacement: bytes) -> bytes:
    """Return the data with other bytes at a position."""
    return data[:position] + replacement + data[position + len(replacement) :]
