"""The engine that the comparison with IOPaint paints with."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.peers.telea import RADIUS, TeleaEngine
from service.contract.params import InpaintParams
from worker.engines.base import Canvas


def test_telea_engine_is_the_fill_of_opencv_and_keeps_the_rest() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 15:30] = 255
    engine = TeleaEngine()
    assert engine.load().engine == "telea"
    steps: list[tuple[int, int]] = []
    canvas = Canvas(image, mask, InpaintParams(), seed=1)
    [painted] = engine.paint([canvas], lambda done, of: steps.append((done, of)))
    assert (painted.image == cv2.inpaint(image, mask, RADIUS, cv2.INPAINT_TELEA)).all()
    assert (painted.image[mask == 0] == image[mask == 0]).all()
    assert steps[-1] == (1, 1)
