"""The output of a pipeline, converted to a picture or refused."""

from __future__ import annotations

import numpy as np

from worker.engines.diffusion.framing import Frame
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8


def find_picture(image: np.ndarray, frame: Frame) -> ImageArray | None:
    """Convert floats in 0..1 to RGB uint8 (H, W, 3); return `None` if they are not a picture.

    That is: NaN values, or all black although the original was not, which is the result of an
    overflow in low precision.

    Args:
        image: float (H, W, 3).
        frame: the model's input.
    """
    if not np.isfinite(image).all():
        return None
    picture = to_uint8((image * 255).round().clip(0, 255).astype(np.uint8))
    return None if frame.image.any() and not picture.any() else picture
