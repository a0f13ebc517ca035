"""From the offsets of a small picture to a sharp picture of full size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.engines.base import StepCallback
from worker.engines.diffusion.selfdiffusion.sources import Stage
from worker.engines.diffusion.selfdiffusion.stages import Region
from worker.engines.patch import Completion, Quality, Start, complete
from worker.engines.patch.grid import nearest

LIFT: Final = 1
"""Halvings above the sampled size at which the finishing begins: offsets that do not fit together
are corrected where that is cheap. On four pictures with 16 holes, the sliced Wasserstein distance
to the truth fell from 1.18 to 1.07 of that of completion from patches."""

SAMPLED: Final[Mapping[Quality, Quality]] = {"fast": "fast", "balanced": "best", "best": "best"}
"""Quality of the finishing after sampling. Sampled offsets of single pixels fit together less well
than those of a search: with `best`, 0.15 dB and 0.01 of structural similarity more."""

MANY: Final = 200_000
"""Pixels of a hole above which its finishing keeps the requested quality: more takes minutes."""


def finish(
    region: Region,
    stage: Stage | None,
    offsets: NDArray[np.int32] | None,
    *,
    seed: int,
    quality: Quality,
    on_step: StepCallback,
    threads: int | None,
) -> Completion:
    """Complete a region, starting from the sampled offsets.

    Args:
        region: at full size.
        stage: sampled last; `None` if nothing was sampled.
        offsets: int32 (H, W, 2) of that stage.
        seed: 0 .. 2**32 - 1.
        quality: how much time to take.
        on_step: called with rounds done and rounds in all; may raise to stop.
        threads: how many run at once.
    """
    start, finishing = None, quality
    if stage is not None and offsets is not None:
        full = enlarge_offsets(stage, offsets, region.own.shape)
        # Every round of votes averages several copies: more rounds only blur the sample.
        start = Start(stage.level + LIFT, offsets=full, is_close=True)
        finishing = choose_quality(region, quality)
    return complete(
        region.image,
        region.hole,
        seed=seed,
        quality=finishing,
        source_mask=region.sources,
        start=start,
        on_step=on_step,
        threads=threads,
    )


def choose_quality(region: Region, quality: Quality) -> Quality:
    """Return the quality for the finishing of a sampled region."""
    return quality if np.count_nonzero(region.hole) > MANY else SAMPLED[quality]


def enlarge_offsets(
    stage: Stage, offsets: NDArray[np.int32], shape: tuple[int, ...]
) -> NDArray[np.int32]:
    """Return offsets at full size, int32 (H, W, 2), defined everywhere.

    Args:
        stage: of the offsets.
        offsets: int32 (h, w, 2), defined in the stage's hole.
        shape: height and width of full size.
    """
    step = 2**stage.level
    rows = np.minimum(np.arange(shape[0]) // step, stage.shape[0] - 1)
    columns = np.minimum(np.arange(shape[1]) // step, stage.shape[1] - 1)
    y, x = (grid.ravel() for grid in np.indices(stage.shape))
    at_y, at_x = nearest(stage.hole, y, x)
    everywhere = offsets[at_y, at_x].reshape(*stage.shape, 2)
    return np.asarray(everywhere[np.ix_(rows, columns)] * step, np.int32)
