"""The proof that kept pixels came back, taken from the encoded file and not from the arrays."""

from __future__ import annotations

from functools import reduce

import cv2
import numpy as np

from service.contract.errors import KeptPixelsChanged
from service.contract.jobs import Proof
from service.contract.params import OutputFormat
from worker.imaging import ImageArray, MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import LOSSLESS
from worker.imaging.masks import bounding_box
from worker.imaging.picture import Picture, to_uint8


def prove(kept: Picture, mask: MaskArray, encoded: bytes, output_format: OutputFormat) -> Proof:
    """Decode an output again and compare it with what was to be kept.

    Color and alpha are compared. A lossless output must also have the same color mode; a lossy one
    that lacks alpha, or has three channels for gray, is compared as if both were RGBA.

    Args:
        kept: the decoded input; in outpainting, on its canvas.
        mask: uint8 (H, W); where it is 0, `kept` must have come back.
        encoded: the output file.
        output_format: its format.

    Raises:
        KeptPixelsChanged: a lossless output differs, or an output has another size.
    """
    proof = compare(kept, mask, encoded, must_match_mode=output_format in LOSSLESS)
    if output_format in LOSSLESS and proof.kept_pixels_changed:
        raise KeptPixelsChanged(
            f"{proof.kept_pixels_changed} of {proof.kept_pixels} kept pixels came back changed"
        )
    return proof


def compare(kept: Picture, mask: MaskArray, encoded: bytes, *, must_match_mode: bool) -> Proof:
    """Give the numbers of a proof, without judging them.

    Raises:
        KeptPixelsChanged: the output has another size or, where it must match, another mode.
    """
    output = decode_picture(encoded, max_pixels=mask.size)
    same_size = (output.width, output.height) == (kept.width, kept.height)
    if not same_size or (must_match_mode and output.mode != kept.mode):
        raise KeptPixelsChanged("the output came back in another size or color mode")
    difference = _difference(kept, output)
    difference[mask != 0] = 0
    return Proof(
        kept_pixels=int(mask.size) - cv2.countNonZero(mask),
        kept_pixels_changed=cv2.countNonZero(difference),
        max_difference=int(difference.max(initial=0)),
        touched_box=bounding_box(mask).as_list(),
    )


def _difference(first: Picture, second: Picture) -> ImageArray:
    """Give the largest difference in any channel, uint8 (H, W), the caller's own."""
    if first.mode == second.mode:
        difference = to_uint8(cv2.absdiff(first.channels(), second.channels()))
    else:
        difference = to_uint8(cv2.absdiff(_as_rgba(first), _as_rgba(second)))
    if difference.ndim == 2:
        return difference
    # Channel by channel: numpy's max over a last axis of 3 or 4 is several times slower.
    return reduce(np.maximum, (difference[..., i] for i in range(difference.shape[2])))


def _as_rgba(picture: Picture) -> ImageArray:
    alpha = picture.alpha
    if alpha is None:
        alpha = np.full((picture.height, picture.width), 255, np.uint8)
    return np.dstack((picture.rgb(), alpha))
