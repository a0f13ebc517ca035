"""The protocol of the nets that erase, and the data that pass through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray, MaskArray

Floats = NDArray[np.float32]

Check = Callable[[int], None]
"""Called with the number of steps done of a call, also between steps; may raise to stop it."""


@dataclass(frozen=True)
class NetSettings:
    """Settings that the pictures of a call share.

    Attributes:
        steps: number of steps; 1 for a net of a single pass.
        guidance_scale: as the model understands it.
    """

    steps: int = 1
    guidance_scale: float = 1.0


@dataclass(frozen=True, eq=False)
class NetInputs:
    """The pictures of one call; all have one size.

    Attributes:
        images: RGB uint8 (H, W, 3).
        masks: uint8 (H, W), 255 repaint.
        seeds: one for each picture.
        settings: of all of them.
    """

    images: Sequence[ImageArray]
    masks: Sequence[MaskArray]
    seeds: Sequence[int]
    settings: NetSettings


class EraserNet(Protocol):
    """A net in memory."""

    @property
    def side(self) -> int | None:
        """Side in pixels of the square that it takes; `None` if it takes any size."""
        ...

    @property
    def repaints_all(self) -> bool:
        """True if what it returns outside the hole resembles the picture; else it means nothing."""
        ...

    def count_steps(self, settings: NetSettings) -> int:
        """Return the number of steps of a call."""
        ...

    def erase(self, inputs: NetInputs, check: Check) -> Floats:
        """Paint the pictures of a call.

        Returns:
            Float32 (N, H, W, 3), RGB in 0 .. 1, of the inputs' size.
        """
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return `engine`, `device`, `versions` and perhaps `scheduler`, for the recipe."""
        ...
