"""The figures that results must keep, each as one row of the table of goals."""

from __future__ import annotations

from benchmarks.everyday.measures import (
    Color,
    alpha_error,
    blurred_error,
    breaks,
    grain_ratio,
    highest_alpha,
    largest_error,
    line_contrast,
    new_colors,
    pixels_like,
    share_off,
    share_off_nearby,
    share_there,
    step_behind_seam,
    texture_distance,
)
from benchmarks.everyday.sample import Check

FLAT: tuple[Check, ...] = (
    Check("flat ground: % off by > 8", share_off(8), high=0.1),
    Check("flat ground: largest error", largest_error, high=24),
)
FLAT_JPEG: tuple[Check, ...] = (
    Check("flat ground, JPEG: % off by > 12", share_off(12), high=0.2),
    Check("flat ground, JPEG: largest error", largest_error, high=24),
)
NOISY_FLAT = Check("flat ground with grain: blurred error", blurred_error(6), high=2.5)
SHADOW = Check("product with shadow: % off by > 12", share_off(12), high=0.4)
STUDIO = Check("graded ground: blurred error", blurred_error(4), high=6)
WALL = Check("wall: blurred error", blurred_error(6), high=2.5)
SEAM = Check("sky: step behind the seam", step_behind_seam, high=2)
GRAIN = Check("grain of the new part over the truth's", grain_ratio, low=0.5, high=1.5)
TEXTURE = Check("texture: sliced Wasserstein distance", texture_distance, high=1)
CLEAR = Check("sprite: highest alpha of what goes on transparent", highest_alpha, high=0)
# A straight cut across the hole in a round rim would be 16 levels off.
RIM = Check("sprite: mean error of alpha", alpha_error, high=13)
DRAWING = Check("graphic: % off by > 16", share_off(16), high=3)
CURVED = Check(DRAWING.goal, share_off_nearby(16), high=3)
PALETTE = Check("graphic: % of colors that are not there", new_colors(), high=1)
# In a JPEG an edge between two colors has others beside it.
PALETTE_JPEG = Check(PALETTE.goal, new_colors(48), high=1)
PAGE = Check("screenshot: % off by > 16", share_off(16), high=1)
PALE_LINE = Check("pale border line: levels", line_contrast, high=15)


def not_shown(color: Color) -> Check:
    """Check that a color which lies hidden under alpha 0 is nowhere seen."""
    return Check("sprite: hidden colors shown, px", pixels_like(color, 60), high=0)


def not_repeated(color: Color, reach: int = 70) -> Check:
    """Check that a unique thing of this color does not come again."""
    return Check("unique thing repeated, px", pixels_like(color, reach), high=0)


def not_copied(color: Color) -> Check:
    """Check that what a source mask forbids is not copied."""
    return Check("forbidden pixels copied", pixels_like(color, 70), high=0)


def goes_on(mark: str, color: Color, reach: int = 70) -> tuple[Check, ...]:
    """Check that a structure goes on under the hole, in one piece."""
    return (
        Check("structure over a hole: % there again", share_there(mark, color, reach), low=95),
        Check("structure over a hole: breaks", breaks(mark, color, reach), high=0),
    )
