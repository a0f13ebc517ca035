"""Pictures in another size."""

from __future__ import annotations

import numpy as np
from PIL import Image

from worker.imaging.picture import Picture, to_uint8


def resize_picture(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return a picture in another size, by Lanczos' filter; all else stays.

    Colors count by their alpha, so that none that transparency hides bleeds into its surroundings.

    Args:
        picture: what to resize.
        size: width and height.
    """
    resized = Image.fromarray(picture.channels()).resize(size, Image.Resampling.LANCZOS)
    channels = to_uint8(np.array(resized))
    if picture.alpha is None:
        return picture.with_pixels(channels, None)
    color = channels[..., 0] if picture.is_gray else channels[..., :3]
    return picture.with_pixels(np.ascontiguousarray(color), np.ascontiguousarray(channels[..., -1]))
