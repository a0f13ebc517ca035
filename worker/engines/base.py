"""The protocol that every engine keeps, and what passes through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.contract.geometry import Geometry
from service.contract.jobs import Recipe
from service.contract.params import InpaintParams, OutpaintParams
from worker.imaging import ImageArray, MaskArray

StepCallback = Callable[[int, int], None]
"""Called with steps done and steps in all; raises `Aborted` when nobody waits any more."""


@dataclass(frozen=True)
class Canvas:
    """One picture to be painted: a row of a batch.

    Attributes:
        image: RGB uint8 (H, W, 3); what lies under the mask is unspecified in outpainting.
        mask: uint8 (H, W); 255 repaint, 0 keep, nothing between.
        params: the effective parameters.
        seed: 0 .. 2**32 - 1.
        geometry: where the original lies, in outpainting.
    """

    image: ImageArray
    mask: MaskArray
    params: InpaintParams | OutpaintParams
    seed: int
    geometry: Geometry | None = None


class Engine(Protocol):
    """Paints canvases. Knows arrays; knows no files, no blobs, no jobs."""

    def load(self) -> Recipe:
        """Make ready to paint, once; gives the recipe that all of its pictures share.

        Called again it does nothing and gives the same recipe.
        """
        ...

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[ImageArray]:
        """Paint every canvas; may change kept pixels, which the caller puts back.

        Returns:
            For each canvas RGB uint8 of its own (H, W, 3).

        Raises:
            PaintingFailed: with a code of its own; anything else becomes `internal`.
            Aborted: out of `on_step`; the engine must be usable again afterwards.
        """
        ...


class EngineRegistry(Protocol):
    """Finds the engine of a job."""

    def get(self, operation: str, method: str, model: str | None) -> Engine:
        """Give the engine, not yet loaded.

        Raises:
            KeyError: this worker has none for it.
        """
        ...

    def methods(self) -> list[tuple[str, str]]:
        """Give the (operation, method) pairs that this worker paints."""
        ...

    def models(self) -> list[str]:
        """Give the names of the models that this worker holds or can load."""
        ...

    def warm(self) -> None:
        """Load what must be ready before the worker is: the engines of its queue."""
        ...
