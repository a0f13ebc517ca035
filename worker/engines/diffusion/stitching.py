"""What a model painted, brought back into its picture: there and nowhere else.

Three masks are kept apart. What is asked for is all that is written. What the model painted reaches
further, to whole cells of its latents: there it shows nothing of how it sees the picture. What it
was to keep, beyond that, shows how its colors drift; that is taken out of the rest.
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
    """Lay what was painted into a crop of a picture, in place; pixels outside the hole stay.

    Args:
        picture: RGB uint8 (H, W, 3), the crop; written to.
        hole: uint8 (H, W), 255 where it is.
        painted: RGB uint8 (h, w, 3), at the model's size.
        painted_mask: uint8 (h, w), 255 where the model painted.
        cell: pixels a side by whole ones of which that mask is wider.
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
