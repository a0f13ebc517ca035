"""Pictures in another size."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.imaging import DeepArray
from worker.imaging.picture import DeepPixels, Picture, to_uint8

_DEEPEST: Final = 65_535


def resize_picture(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return a picture in another size, by Lanczos' filter; all else stays.

    Colors count by their alpha, so that none that transparency hides bleeds into its surroundings.

    Args:
        picture: what to resize.
        size: width and height.
    """
    deep = None if picture.deep is None else _resize_deep(picture.deep, size)
    resized = Image.fromarray(picture.channels()).resize(size, Image.Resampling.LANCZOS)
    channels = to_uint8(np.array(resized))
    if picture.alpha is None:
        return picture.with_pixels(channels, None, deep)
    color = channels[..., 0] if picture.is_gray else channels[..., :3]
    alpha = np.ascontiguousarray(channels[..., -1])
    return picture.with_pixels(np.ascontiguousarray(color), alpha, deep)


def _resize_deep(pixels: DeepPixels, size: tuple[int, int]) -> DeepPixels:
    """Resize pixels of 16 bits, channel by channel: Pillow resizes them as floats alone."""
    color, alpha = pixels
    planes = [color] if color.ndim == 2 else [color[..., index] for index in range(3)]
    if alpha is None:
        resized = [_to_deep(_resize_plane(plane, size)) for plane in planes]
        return DeepPixels(_stack(resized), None)
    weight = alpha.astype(np.float32) / _DEEPEST
    small = np.clip(_resize_plane(weight, size), 0, 1)
    # Where nothing is seen, the color is black, as where transparency is painted.
    divisor = np.where(small > 0, small, np.inf)
    weighted = (_resize_plane(plane * weight, size) for plane in planes)
    resized = [_to_deep(plane / divisor) for plane in weighted]
    return DeepPixels(_stack(resized), _to_deep(small * _DEEPEST))


def _resize_plane(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    floats = plane.astype(np.float32, copy=False)
    return np.asarray(Image.fromarray(floats).resize(size, Image.Resampling.LANCZOS))


def _to_deep(plane: NDArray[Any]) -> DeepArray:
    rounded: DeepArray = np.clip(np.rint(plane), 0, _DEEPEST).astype(np.uint16)
    return rounded


def _stack(planes: list[DeepArray]) -> DeepArray:
    return planes[0] if len(planes) == 1 else np.dstack(planes)
