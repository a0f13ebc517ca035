"""Compiling before the first picture comes."""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numba
import numpy as np

from worker.engines.patch.completion import complete
from worker.imaging import png_filters

SIDE: Final = 160
"""Large enough for a hole that needs more than one halving: smaller ones are begun otherwise."""


def versions() -> dict[str, str]:
    """Return the versions of the libraries that decide what is painted."""
    return {
        "numba": numba.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


@cache
def warm() -> None:
    """Compile every kernel, or load it from disk where an earlier process compiled it.

    Where it is kept is numba's own setting: `NUMBA_CACHE_DIR`, else beside the sources. To be
    called when a machine image is built, and by every process before it is ready; again it does
    nothing.
    """
    png_filters.warm()
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    wide, narrow = np.zeros((2, SIDE, SIDE), np.uint8)
    wide[56:104, 56:104] = 255
    narrow[78:81, 40:120] = 255
    sources = np.full_like(wide, 255)
    sources[:8] = 0
    for mask, source_mask in ((wide, None), (narrow, None), (narrow, sources)):
        complete(
            image,
            mask,
            seed=0,
            quality="fast",
            source_mask=source_mask,
            strict=True,
            on_step=lambda _step, _steps: None,
        )
