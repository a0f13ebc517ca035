"""What a pipeline gives, made a picture or refused."""

from __future__ import annotations

import numpy as np

from worker.engines.diffusion.framing import Frame
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8


def find_picture(image: np.ndarray, frame: Frame) -> ImageArray | None:
    """Make RGB uint8 (H, W, 3) of floats in 0..1; `None` where they are no picture.

    That is: values that are no numbers, or black all over where the original was not, which is what
    an overflow in low precision comes out as.

    Args:
        image: float (H, W, 3).
        frame: what the model was given.
    """
    if not np.isfinite(image).all():
        return None
    picture = to_uint8((image * 255).round().clip(0, 255).astype(np.uint8))
    return None if frame.image.any() and not picture.any() else picture
