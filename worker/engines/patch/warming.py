"""Compiling before the first picture comes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numba
import numpy as np

from worker.engines.patch.completion import complete
from worker.engines.patch.distance import squared_difference
from worker.imaging import png_filters

SIDE: Final = 160
"""Large enough for a hole that needs more than one halving: smaller ones are begun otherwise."""

ALL_COMPILED: Final = f"all-compiled-numba-{numba.__version__}"
"""Name of the file that says that no kernel is left to compile."""


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
    with _one_compiles():
        png_filters.warm()
        _call_every_kernel()


def _call_every_kernel() -> None:
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


@contextmanager
def _one_compiles() -> Iterator[None]:
    """Let one process compile, while others that start meanwhile wait, to load what it compiled.

    Two that compile at once take all of a small machine, each for the same result. Once all is
    compiled, nobody waits.
    """
    folder = find_kept_folder()
    if folder is None or (folder / ALL_COMPILED).exists():
        yield
        return
    with (folder / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        (folder / ALL_COMPILED).touch()


def find_kept_folder() -> Path | None:
    """Return the folder where compiled kernels are kept; None where there is no place for them."""
    # numba's own type has it; `compiled` says only that the signature stays.
    statistics = cast(Any, squared_difference).stats
    folder = statistics.cache_path
    if not folder:
        return None
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return Path(folder) if os.access(folder, os.W_OK) else None
