"""Colors as people compare them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray


def to_lab(picture: ImageArray) -> NDArray[np.float32]:
    """Return the CIE Lab of a picture, 0 .. 255 for lightness, the others around 128."""
    lab = cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    scale, middle = np.array([2.55, 1, 1], np.float32), np.array([0, 128, 128], np.float32)
    return np.asarray(lab, np.float32) * scale + middle
