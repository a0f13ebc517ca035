"""The protocol of engines, and the data that pass through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from service.contract.geometry import Geometry
from service.contract.jobs import JobWarning, Recipe
from service.contract.params import InpaintParams, OutpaintParams
from worker.imaging import ImageArray, MaskArray

StepCallback = Callable[[int, int], None]
"""Called with the number of steps done and of all steps; raises `Aborted` when no job is wanted any
more."""


MakePreviews = Callable[[], Mapping[int, ImageArray]]
"""Returns, by a canvas' index, what it may become: RGB uint8, at most 256 px a side."""

PreviewCallback = Callable[[MakePreviews], None]
"""Called after a step with a function that makes previews of the canvases in work. The callee
decides whether to make them, because they cost time, and handles their failure."""


@dataclass(frozen=True)
class Canvas:
    """One picture to be painted.

    Attributes:
        image: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4) where transparency is part of
            what is painted: alpha is then painted as colors are, and with them, and no color is
            above its alpha. Not to be written to; in outpainting, what lies beyond the original
            is unspecified. `generate` sees RGB only.
        mask: uint8 (H, W); 255 repaint, 0 keep, nothing between.
        params: the effective parameters.
        seed: 0 .. 2**32 - 1.
        geometry: where the original lies, in outpainting.
        source_mask: uint8 (H, W); 255 may be copied from, not one pixel of 0 may; `None` for
            everywhere.
        reference: RGB uint8 (H, W, 3) of any size, a picture that a model only looks at; `None`
            for none.
    """

    image: ImageArray
    mask: MaskArray
    params: InpaintParams | OutpaintParams
    seed: int
    geometry: Geometry | None = None
    source_mask: MaskArray | None = None
    reference: ImageArray | None = None


@dataclass(frozen=True, eq=False)
class Painted:
    """The painting of one canvas.

    Attributes:
        image: uint8 of the canvas' (H, W, C): RGB, or premultiplied RGBA.
        estimate: how well it went by the engine's own measure, 0 .. 1; `None` where it has none.
        details: how it was made, for the recipe; values that JSON knows. `blend` says how it was
            made to fit what is kept, where it was.
        warnings: what the caller should know.
        call_size: canvases of the largest call to the model that had a part in it; `None` where
            an engine takes all canvases at once.
        is_foretold: whether the estimate was measured: a part of the picture whose truth is known
            was painted the same way, and compared.
        mask: uint8 (H, W), 255 where it was painted, if that is more than the canvas' mask, which
            `grow_by_model` allows; `None` where it is that mask.
    """

    image: ImageArray
    estimate: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[JobWarning, ...] = ()
    call_size: int | None = None
    is_foretold: bool = False
    mask: MaskArray | None = None


class Engine(Protocol):
    """Paints canvases. Knows arrays; knows no files, no blobs, no jobs."""

    def load(self) -> Recipe:
        """Make ready to paint, once; return the recipe that all of its pictures share.

        Called again it does nothing and returns the same recipe.
        """
        ...

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Paint every canvas.

        The engine makes its pixels fit the kept ones: its picture is taken unchanged under the
        mask, and nowhere else.

        Raises:
            PaintingFailed: with a code of its own; anything else becomes `internal`.
            Aborted: out of `on_step`; the engine must be usable again afterwards.
        """
        ...


@runtime_checkable
class PreviewingEngine(Engine, Protocol):
    """An engine that can show previews; recognized by its attribute `gives_previews`."""

    @property
    def gives_previews(self) -> bool:
        """True if it has anything to show."""
        ...

    def paint(
        self,
        canvases: Sequence[Canvas],
        on_step: StepCallback,
        on_preview: PreviewCallback | None = None,
    ) -> list[Painted]:
        """Paint every canvas, as `Engine` says.

        Args:
            canvases: what to paint.
            on_step: called after every step.
            on_preview: called after `on_step`, when the step changed the preview.
        """
        ...


@runtime_checkable
class UnloadableEngine(Engine, Protocol):
    """An engine whose model can be unloaded when others need the memory."""

    @property
    def is_loaded(self) -> bool:
        """True if its model is in memory."""
        ...

    def unload(self) -> None:
        """Free the memory; does nothing if it is not loaded. `load` and `paint` load again."""
        ...
