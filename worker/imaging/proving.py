"""The proof that kept pixels came back, taken from the encoded file and not from the arrays."""

from __future__ import annotations

from functools import reduce
from io import BytesIO

import cv2
import numpy as np
from PIL import Image, ImageOps

from service.contract.errors import KeptPixelsChanged
from service.contract.jobs import Proof
from service.contract.params import OutputFormat
from service.pictures.opening import OPENERS
from worker.imaging import AlphaArray, ImageArray, MaskArray
from worker.imaging.bands import row_bands
from worker.imaging.masks import bounding_box
from worker.imaging.picture import Picture, to_uint8


def prove(
    kept: Picture,
    mask: MaskArray,
    encoded: bytes,
    output_format: OutputFormat,
    *,
    lossless: bool,
) -> Proof:
    """Decode an output again and compare it with what was to be kept.

    Color and alpha are compared. A lossless output is compared in the picture's own color mode, or
    as RGBA if its format has no gray; a lossy one as if both were RGBA where their modes differ.

    Args:
        kept: the decoded input; in outpainting, on its canvas.
        mask: uint8 (H, W); where it is 0, `kept` must have come back.
        encoded: the output file.
        output_format: its format.
        lossless: whether not a bit may differ.

    Raises:
        KeptPixelsChanged: a lossless output differs, or an output has another size.
    """
    proof = compare(kept, mask, encoded, output_format)
    if lossless and proof.kept_pixels_changed:
        raise KeptPixelsChanged(
            f"{proof.kept_pixels_changed} of {proof.kept_pixels} kept pixels came back changed"
        )
    return proof


def compare(kept: Picture, mask: MaskArray, encoded: bytes, output_format: OutputFormat) -> Proof:
    """Return the numbers of a proof, without judging them.

    Raises:
        KeptPixelsChanged: the output has another size, or a PNG another color mode.
    """
    output = _read_output(encoded, output_format)
    wrong_mode = output_format == "png" and output.mode != kept.mode
    if output.size != (kept.width, kept.height) or wrong_mode:
        raise KeptPixelsChanged("the output came back in another size or color mode")
    changed, largest = 0, 0
    # By bands, so that what is compared is never in memory twice as a whole.
    for rows in row_bands(kept.height):
        count, difference = _compare_rows(kept, mask, output, rows)
        changed, largest = changed + count, max(largest, difference)
    return Proof(
        kept_pixels=int(mask.size) - cv2.countNonZero(mask),
        kept_pixels_changed=changed,
        max_difference=largest,
        touched_box=bounding_box(mask).as_list(),
    )


def _read_output(encoded: bytes, output_format: OutputFormat) -> Image.Image:
    """Decode the output as its receiver will: by Pillow whatever wrote it, and turned upright."""
    output = OPENERS[output_format](BytesIO(encoded))
    output.load()
    ImageOps.exif_transpose(output, in_place=True)
    return output


def _compare_rows(
    kept: Picture, mask: MaskArray, output: Image.Image, rows: slice
) -> tuple[int, int]:
    """Return how many kept pixels of these rows differ, and by how much at most."""
    band = output.crop((0, rows.start, kept.width, rows.stop))
    color, alpha = kept.color[rows], None if kept.alpha is None else kept.alpha[rows]
    if band.mode == kept.mode:
        expected = color if alpha is None else np.dstack((color, alpha))
    else:
        band, expected = band.convert("RGBA"), _as_rgba(color, alpha)
    difference = cv2.absdiff(expected, np.asarray(band))
    is_kept = (mask[rows] == 0).view(np.uint8)
    difference = to_uint8(cv2.bitwise_and(difference, difference, mask=is_kept))
    largest = int(difference.max())
    return (_count_pixels(difference) if largest else 0), largest


def _count_pixels(difference: ImageArray) -> int:
    if difference.ndim == 2:
        return cv2.countNonZero(difference)
    # Channel by channel: numpy's max over a last axis of 3 or 4 is several times slower.
    planes = (difference[..., index] for index in range(difference.shape[2]))
    return cv2.countNonZero(reduce(np.maximum, planes))


def _as_rgba(color: ImageArray, alpha: AlphaArray | None) -> ImageArray:
    rgb = color if color.ndim == 3 else to_uint8(cv2.cvtColor(color, cv2.COLOR_GRAY2RGB))
    if alpha is None:
        alpha = np.full(rgb.shape[:2], 255, np.uint8)
    return np.dstack((rgb, alpha))
