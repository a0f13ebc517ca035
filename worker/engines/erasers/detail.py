"""Detail for a crop that the net saw reduced: from the picture itself, guided by what it made."""

from __future__ import annotations

from typing import Final

import numpy as np

from worker.engines.base import StepCallback
from worker.engines.patch import Guide, complete
from worker.imaging import ImageArray, MaskArray

FROM_FACTOR: Final = 1.2
"""A crop that was reduced by less has all of its detail, or nearly."""

SEED: Final = 0
"""Nets of a single pass paint the same picture for every seed, and so do their details."""


def add_detail(
    crop: ImageArray,
    holes: MaskArray,
    own: MaskArray,
    painted: ImageArray,
    factor: float,
    on_step: StepCallback,
) -> ImageArray:
    """Return what a net made of a reduced crop, with the detail of the picture.

    The net knows what belongs into the hole, but nothing that is smaller than its pixels: that is
    copied from the crop, wherever it is like what the net made.

    Args:
        crop: RGB uint8 (H, W, 3), as it was.
        holes: uint8 (H, W), 255 at all holes in it, which are not copied from.
        own: uint8 (H, W), 255 where detail is wanted.
        painted: RGB uint8 (H, W, 3), the net's picture, enlarged and pasted.
        factor: pixels of the crop in one of the net's, along a side.
        on_step: called often; what it raises ends the work.
    """
    sources = np.where(holes == 0, 255, 0).astype(np.uint8)
    others = (holes != 0) & (own == 0)
    done = complete(
        crop,
        own,
        seed=SEED,
        source_mask=sources if others.any() else None,
        strict=True,
        guide=Guide(np.where(own[..., None] != 0, painted, crop), factor),
        on_step=on_step,
    )
    return done.image
