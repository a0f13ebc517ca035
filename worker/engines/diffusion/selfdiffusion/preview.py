"""Previews of variants."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from worker.engines.diffusion.selfdiffusion.painting import Group, Part
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

LONGEST: Final = 256


def draw_preview(group: Group, number: int) -> ImageArray:
    """Return a variant's picture with the present estimates, RGB uint8, at most 256 px a side.

    Args:
        group: that is being painted.
        number: of the variant within the group.
    """
    image = group.variants[number].image
    scale = min(LONGEST / max(image.shape[:2]), 1.0)
    preview = to_uint8(
        _resize(image, _scaled(image.shape[1], scale), _scaled(image.shape[0], scale))
    )
    for part in group.parts:
        _paste(preview, part, number, scale)
    return preview


def _paste(preview: ImageArray, part: Part, number: int, scale: float) -> None:
    if part.sampling is None:
        return
    box = part.box
    left, top = int(box.left * scale), int(box.top * scale)
    right = min(left + _scaled(box.width, scale), preview.shape[1])
    bottom = min(top + _scaled(box.height, scale), preview.shape[0])
    guess = ((part.sampling.picture(number) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    inside = cv2.resize(
        part.region.own, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
    )
    target = preview[top:bottom, left:right]
    small = _resize(guess, right - left, bottom - top)
    np.copyto(target, small, where=np.asarray(inside)[..., None] != 0)


def _scaled(pixels: int, scale: float) -> int:
    return max(round(pixels * scale), 1)


def _resize(image: ImageArray, width: int, height: int) -> ImageArray:
    shrinks = width * height < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return to_uint8(cv2.resize(image, (width, height), interpolation=method))
