"""A canvas while it is painted: its picture so far, and its history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from service.contract.jobs import JobWarning
from service.contract.params import InpaintParams
from worker.engines.base import Canvas, Painted
from worker.engines.diffusion.effects import AlphaArray, enlarge_hole, fade_effects
from worker.engines.diffusion.framing import Frame, make_frame, shrink_hole
from worker.engines.diffusion.infilling import UNTOUCHED, fill_hole
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.overview import Overview
from worker.engines.diffusion.planning import (
    Call,
    CallPicture,
    Piece,
    PlannedCall,
    find_sequence_length,
)
from worker.engines.diffusion.prompts import find_cuts
from worker.engines.diffusion.recipe import describe_picture
from worker.engines.diffusion.references import make_reference
from worker.engines.diffusion.running import PaintedPicture
from worker.engines.diffusion.stitching import stitch
from worker.imaging import ImageArray

MARKS: Final = frozenset({"tiled", "painted_in_float32"})
"""Facts that a recipe reports if they hold for any picture."""


class Sheet:
    """Collects the painted pieces of one canvas.

    Args:
        canvas: to be painted.
        model: that paints it.
    """

    def __init__(self, canvas: Canvas, model: LoadedModel) -> None:
        self._canvas = canvas
        self._model = model
        # The kept pixels of the copy are never written to, so the result has them.
        self._picture = canvas.image.copy()
        self._mask = canvas.mask.copy()
        self._done: list[tuple[Piece, dict[str, Any]]] = []
        self._overview: Overview | None = None

    def frame(self, piece: Piece, check: Callable[[], None]) -> Frame:
        """Return the model's view of a piece in its present state.

        Args:
            piece: of this canvas.
            check: called regularly during long work; may raise to stop it.
        """
        cell = self._model.entry.traits.cell
        frame = make_frame(self._crop(piece), piece.hole, piece.size, cell)
        reference = make_reference(piece, frame, self._model)
        if piece.infill in UNTOUCHED:
            return Frame(frame.image, frame.mask, reference)
        unseen = shrink_hole(piece.unseen, piece.size)
        image = fill_hole(frame.image, unseen, piece.infill, piece.whole.seed, check)
        return Frame(image, frame.mask, reference)

    def put(self, picture: CallPicture, run: PaintedPicture) -> None:
        """Paste a painted picture in its place."""
        piece, cell = picture.piece, self._model.entry.traits.cell
        if run.alpha is not None and self._may_grow:
            self._put_with_effects(picture, run.image, run.alpha)
        else:
            stitch(self._crop(piece), piece.hole, run.image, picture.frame.mask, cell)
        self._done.append((piece, describe_picture(run, piece.whole.seed, self._model)))
        self._overview = None

    def _put_with_effects(
        self, picture: CallPicture, painted: ImageArray, alpha: AlphaArray
    ) -> None:
        """Paste a picture where the model says that it changed, past the mask too."""
        piece, cell = picture.piece, self._model.entry.traits.cell
        crop, before = self._crop(piece), self._crop(piece).copy()
        hole, made_up, share = enlarge_hole(piece.hole, picture.frame.mask, alpha)
        stitch(crop, hole, painted, made_up, cell)
        crop[:] = fade_effects(before, crop, share)
        box = piece.box
        area = self._mask[box.top : box.bottom, box.left : box.right]
        np.maximum(area, hole, out=area)

    @property
    def _may_grow(self) -> bool:
        params = self._canvas.params
        return isinstance(params, InpaintParams) and bool(params.grow_by_model)

    def preview(self, piece: Piece, preview: ImageArray) -> ImageArray:
        """Return a preview of the canvas: RGB uint8, at most 256 px a side.

        Args:
            piece: that is being painted.
            preview: RGB uint8 (h, w, 3) of it.
        """
        if self._overview is None:
            self._overview = Overview(self._picture)
        self._overview.lay(piece.box, piece.hole, preview)
        return self._overview.picture()

    def finish(self) -> Painted:
        """Return the picture, after all pieces are in place."""
        call_size = max(details["rows"] for _, details in self._done)
        return Painted(
            self._picture,
            details=self._describe(),
            warnings=self._find_cuts(),
            call_size=call_size,
            mask=None if np.array_equal(self._mask, self._canvas.mask) else self._mask,
        )

    def _find_cuts(self) -> tuple[JobWarning, ...]:
        model, params = self._model, self._canvas.params
        texts = {"prompt": params.painted_prompt, "negative_prompt": params.negative_prompt}
        length = find_sequence_length(model.entry, model.adapter)
        return find_cuts(model.adapter, model.pipeline, texts, length)

    def _crop(self, piece: Piece) -> ImageArray:
        box = piece.box
        return self._picture[box.top : box.bottom, box.left : box.right]

    def _describe(self) -> dict[str, Any]:
        """Return the details of the first picture, the measures taken for any, and all boxes."""
        first, details = self._done[0]
        marks: dict[str, Any] = {
            key: True for _, facts in self._done for key in MARKS & facts.keys()
        }
        crops = [
            {"box": piece.box.as_list(), "size": list(piece.size), "seed": piece.whole.seed}
            for piece, _ in self._done
        ]
        if "reference_size" in details:
            own = self._canvas.reference is not None
            marks["reference"] = "picture" if own else self._canvas.params.reference
        return details | marks | {"blend": "membrane", "infill": first.infill, "crops": crops}


def frame_call(planned: PlannedCall, sheets: Sequence[Sheet], check: Callable[[], None]) -> Call:
    """Return a call with its pictures in their present state.

    Args:
        planned: the call without pictures.
        sheets: of all canvases.
        check: called regularly during long work; may raise to stop it.
    """
    pictures = [
        CallPicture(piece, sheets[piece.index].frame(piece, check)) for piece in planned.pieces
    ]
    return Call(planned.settings, tuple(pictures), planned.steps_run)
