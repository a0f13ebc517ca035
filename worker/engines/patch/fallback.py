"""The fill that is left when no patch can be copied."""

from __future__ import annotations

import numpy as np

from worker.imaging import ImageArray, MaskArray
from worker.imaging.infill import fill_telea


def fill_plainly(
    image: ImageArray, mask: MaskArray, forbidden: MaskArray | None = None
) -> tuple[ImageArray, str]:
    """Fill by fast marching, or with gray when nothing at all is known.

    Args:
        image: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4).
        mask: uint8 (H, W), 255 = hole.
        forbidden: uint8 (H, W), 255 at known pixels that are not to be read, unless there are no
            others.

    Returns:
        A new picture, and why it was made so.
    """
    if forbidden is not None and not (mask | forbidden).all():
        mask = mask | forbidden
    known = mask == 0
    if not known.any():
        return np.full_like(image, 128), "nothing of the picture is known: filled with gray"
    if min(mask.shape) < 2 or known.sum() < 4:
        mean = image[known].mean(axis=0)
        filled = np.where(known[..., None], image, np.rint(mean).astype(np.uint8))
        return filled, "too little is known: filled with the mean color"
    filled = fill_telea(image, mask, lambda _stage, _stages: None)
    return filled, "no patch fits beside the hole: filled smoothly"
