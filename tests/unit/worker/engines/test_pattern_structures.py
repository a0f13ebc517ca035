from __future__ import annotations

import numpy as np
import pytest

from service.contract.geometry import Margins, plan_margins
from service.contract.params import OutpaintParams
from tests.support.scenes import Pixels, draw_line, make_line, soften
from worker.engines.base import Canvas
from worker.engines.pattern import PatternEngine
from worker.imaging.compositing import place_on_canvas
from worker.imaging.picture import Picture

SIDE = 200
MARGIN = 40


def make_beams(seed: int) -> tuple[Pixels, Pixels]:
    """Return a picture of uneven ground with two bent beams, and where the beams lie."""
    rng = np.random.default_rng(seed)
    ground = soften(seed, SIDE, SIDE, 2.5) * 0.5 + 60 + 0.3 * soften(seed + 50, SIDE, SIDE, 30)
    picture = np.clip(ground, 0, 255).astype(np.uint8)
    band = np.zeros((SIDE, SIDE), np.uint8)
    for aside in (-50, 50):
        line = make_line(SIDE, rng.uniform(-0.3, 0.3), rng.uniform(0.02, 0.06), rng)
        line[:, 1] += aside
        width = int(rng.integers(4, 10))
        draw_line(picture, line, (240, 200, 20), width)
        draw_line(band, line, (255, 255, 255), width - 2, smooth=False)
    return picture, band


@pytest.mark.parametrize("seed", range(6))
def test_pattern_carries_beams_on_past_the_border(seed: int) -> None:
    truth, band = make_beams(seed)
    known = truth[:, : SIDE - MARGIN].copy()
    margins = Margins(left=0, top=0, right=MARGIN, bottom=0)
    geometry = plan_margins(SIDE - MARGIN, SIDE, margins)
    canvas, mask = place_on_canvas(Picture(known), geometry)
    params = OutpaintParams(quality="fast")
    [painted] = PatternEngine().paint(
        [Canvas(canvas.color, mask, params, seed, geometry)], lambda _step, _steps: None
    )
    beam = (band > 0) & (mask > 0)
    beam[:, SIDE - MARGIN // 2 :] = False
    gap = np.abs(painted.image.astype(int) - truth).max(axis=2)
    assert np.mean(gap[beam] <= 60) > 0.9
