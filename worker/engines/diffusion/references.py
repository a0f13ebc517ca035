"""The second picture that a model only looks at: the caller's, the original, or the mask."""

from __future__ import annotations

import cv2

from worker.engines.diffusion.framing import Frame, resize
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.planning import Piece, find_reference_size
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8


def make_reference(piece: Piece, frame: Frame, model: LoadedModel) -> ImageArray | None:
    """Return the reference of a piece, of the size that its call is planned with; `None` for none.

    Args:
        piece: that is painted.
        frame: with the original in the hole.
        model: that paints.
    """
    size = find_reference_size(piece, model.entry, model.adapter)
    if size is None:
        return None
    if piece.canvas.reference is not None:
        return resize(piece.canvas.reference, *size)
    if piece.canvas.params.reference == "mask":
        return to_uint8(cv2.cvtColor(frame.mask, cv2.COLOR_GRAY2RGB))
    return frame.image
