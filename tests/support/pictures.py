"""Seeded test pictures: textures, gradients and flat graphics, in every color mode; and masks."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageDraw

from service.pictures.profiles import make_curve, make_gray_profile
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

DEFAULT_BOX = (16, 16, 48, 40)
"""What `mask` repaints unless told otherwise."""

Kind = Literal["texture", "gradient", "graphics"]


def make_rgb(kind: Kind, width: int, height: int, seed: int = 0) -> ImageArray:
    """Return an RGB uint8 (H, W, 3) picture that its seed alone decides."""
    maker = {"texture": _texture, "gradient": _gradient, "graphics": _graphics}[kind]
    return maker(width, height, np.random.default_rng(seed))


def make_alpha(width: int, height: int, seed: int = 0) -> ImageArray:
    """Return an alpha plane with transparent, half transparent and opaque parts."""
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([0, 1, 127, 254, 255], np.uint8), (height, width))


def make_image(mode: str, width: int, height: int, seed: int = 0) -> Image.Image:
    """Return a textured picture in one of Pillow's modes."""
    rgb = Image.fromarray(make_rgb("texture", width, height, seed))
    if mode in ("RGB", "L", "1", "CMYK"):
        return rgb.convert(mode)
    if mode == "P":
        return rgb.quantize(64)
    if mode == "I;16":
        return Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257)
    alpha = Image.fromarray(make_alpha(width, height, seed))
    color = rgb.convert("L" if mode == "LA" else "RGB")
    return Image.merge(mode, (*color.split(), alpha))


def encode(image: Image.Image | ImageArray, name: str = "PNG", **options: object) -> bytes:
    """Encode with Pillow."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def picture(
    width: int = 96, height: int = 64, mode: str = "RGB", kind: str = "PNG", **options: Any
) -> bytes:
    """Return a file of a picture with some structure."""
    gradient = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (gradient, gradient.rotate(180), gradient)).convert(mode)
    return encode(image, kind, **options)


def mask(
    width: int = 96, height: int = 64, box: tuple[int, int, int, int] = DEFAULT_BOX, **options: Any
) -> bytes:
    """Return a file of a mask that repaints one half-open box."""
    image = Image.new("L", (width, height), 0)
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)
    return encode(image, **options)


def make_profile(mode: str = "RGB") -> bytes:
    """Return a real ICC profile for pictures of a mode."""
    if mode in ("L", "LA"):
        return make_gray_profile(make_curve(2.2))
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def make_box_mask(width: int, height: int, box: tuple[int, int, int, int]) -> MaskArray:
    """Return a mask that repaints one box: left, top, right, bottom."""
    left, top, right, bottom = box
    mask = np.zeros((height, width), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def make_blob_mask(width: int, height: int, seed: int = 0) -> MaskArray:
    """Return a mask of a few discs."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(3):
        center = int(rng.integers(width)), int(rng.integers(height))
        cv2.circle(mask, center, max(2, min(width, height) // 8), 255, -1)
    return mask


def _texture(width: int, height: int, rng: np.random.Generator) -> ImageArray:
    """Noise at three scales over a tilted wave, so that neighbors resemble each other."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = 128 + 40 * np.sin((columns + 0.4 * rows) / 6)[..., None] * np.array([1, 0.7, 0.4])
    for sigma, weight in ((1, 25), (4, 120), (12, 400)):
        noise = rng.standard_normal((height, width, 3)).astype(np.float32)
        picture = picture + weight * np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma))
    return to_uint8(picture.clip(0, 255).astype(np.uint8))


def _gradient(width: int, height: int, rng: np.random.Generator) -> ImageArray:
    """A plane of color from corner to corner."""
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.float32)
    plane = np.asarray(cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR))
    return plane.astype(np.uint8)


def _graphics(width: int, height: int, rng: np.random.Generator) -> ImageArray:
    """Flat boxes and rings with hard edges."""
    picture = np.full((height, width, 3), 245, np.uint8)
    for _ in range(12):
        color = [int(value) for value in rng.integers(0, 256, 3)]
        x, y = int(rng.integers(width)), int(rng.integers(height))
        side = max(4, min(width, height) // 5)
        cv2.rectangle(picture, (x, y), (x + side, y + side), color, -1)
        cv2.circle(picture, (y * width // height, x * height // width), side // 2, color, 2)
    return to_uint8(picture)
