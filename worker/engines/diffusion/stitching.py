"""Pasting a model's output back into its picture, within the hole only.

Three masks are distinguished. Only the requested hole is written. The model painted more, in whole
cells of its latents: those pixels say nothing about how it reproduces the picture. The pixels that
it should have kept show how its colors drift, and this drift is removed from the rest.
"""

from __future__ import annotations

import math

import cv2

from service.contract.geometry import Box
from worker.engines.diffusion.framing import resize
from worker.imaging import ImageArray, MaskArray
from worker.imaging.blending import RIM_PIXELS, match_rim
from worker.imaging.geometry import widen_box
from worker.imaging.masks import bounding_box
from worker.imaging.picture import to_uint8


def stitch(
    picture: ImageArray,
    hole: MaskArray,
    painted: ImageArray,
    painted_mask: MaskArray,
    cell: int,
) -> None:
    """Paste the painted pixels into a crop, in place; pixels outside the hole do not change.

    Args:
        picture: RGB uint8 (H, W, 3), the crop; written to.
        hole: uint8 (H, W), 255 inside.
        painted: RGB uint8 (h, w, 3), at the model's size.
        painted_mask: uint8 (h, w), 255 where the model painted.
        cell: pixels a side; that mask is wider than the hole by whole cells.
    """
    height, width = hole.shape
    back = resize(painted, width, height)
    reach = math.ceil(cell * max(width / painted.shape[1], height / painted.shape[0]))
    box = widen_box(bounding_box(hole), RIM_PIXELS + reach, width, height)
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    before, inside = picture[rows, columns], hole[rows, columns]
    made_up = _bring_back(painted_mask, width, height, box)
    fitted = match_rim(before, back[rows, columns], inside, made_up)
    cv2.copyTo(fitted, inside, before)


def _bring_back(mask: MaskArray, width: int, height: int, box: Box) -> MaskArray:
    large = to_uint8(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST))
    return large[box.top : box.bottom, box.left : box.right]
