"""The protocol that every engine keeps, and what passes through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from service.contract.geometry import Geometry
from service.contract.jobs import JobWarning, Recipe
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
        source_mask: uint8 (H, W); 255 may be copied from, 0 may not; `None` for everywhere.
    """

    image: ImageArray
    mask: MaskArray
    params: InpaintParams | OutpaintParams
    seed: int
    geometry: Geometry | None = None
    source_mask: MaskArray | None = None


@dataclass(frozen=True, eq=False)
class Painted:
    """What an engine made of one canvas.

    Attributes:
        image: RGB uint8 of the canvas' (H, W, 3).
        estimate: how well it went by the engine's own measure, 0 .. 1; `None` where it has none.
        details: how it was made, for the recipe; values that JSON knows.
        warnings: what the caller should know.
        repaints_kept: whether the kept pixels were painted too, and show how the painter's colors
            drift; whoever composites then takes the drift out. Leave it out where they come back
            unchanged, or mean nothing.
    """

    image: ImageArray
    estimate: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[JobWarning, ...] = ()
    repaints_kept: bool = False


class Engine(Protocol):
    """Paints canvases. Knows arrays; knows no files, no blobs, no jobs."""

    def load(self) -> Recipe:
        """Make ready to paint, once; gives the recipe that all of its pictures share.

        Called again it does nothing and gives the same recipe.
        """
        ...

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Paint every canvas; may change kept pixels, which the caller puts back.

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
