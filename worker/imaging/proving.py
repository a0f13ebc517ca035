"""The proof that kept pixels came back, taken from the encoded file and not from the arrays."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import reduce
from io import BytesIO

import cv2
import numpy as np
from PIL import ImageOps

from service.contract.errors import BadRequest, InvalidInput, KeptPixelsChanged
from service.contract.jobs import Proof
from service.contract.params import OutputFormat
from service.pictures.opening import OPENERS
from worker.imaging import ImageArray, MaskArray
from worker.imaging.bands import row_bands
from worker.imaging.masks import bounding_box
from worker.imaging.picture import Picture, to_uint8
from worker.imaging.png_checking import read_written_rows

_Band = tuple[slice, ImageArray, ImageArray]
"""Rows; their pixels as they were to be kept, and as they came back."""


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
    read = _read_png if output_format == "png" else _read_with_pillow
    changed, largest = 0, 0
    # By bands: each is compared while it is at hand, and none is held as a whole.
    for rows, expected, found in read(kept, encoded, output_format):
        is_kept = to_uint8(cv2.bitwise_not(mask[rows]))
        if cv2.norm(expected, found, cv2.NORM_INF, is_kept):
            count, difference = _measure(expected, found, is_kept)
            changed, largest = changed + count, max(largest, difference)
    return Proof(
        kept_pixels=int(mask.size) - cv2.countNonZero(mask),
        kept_pixels_changed=changed,
        max_difference=largest,
        touched_box=bounding_box(mask).as_list(),
    )


def _read_png(kept: Picture, encoded: bytes, _: OutputFormat) -> Iterator[_Band]:
    """Read a PNG of ours by a reader that shares no step with its writer."""
    size = (kept.width, kept.height)
    try:
        for rows, found in read_written_rows(encoded, size, kept.mode, kept.depth):
            yield rows, kept.stored_channels(rows), found
    except (BadRequest, InvalidInput, zlib.error, struct.error):
        raise KeptPixelsChanged("the output came back broken") from None


def _read_with_pillow(
    kept: Picture, encoded: bytes, output_format: OutputFormat
) -> Iterator[_Band]:
    """Decode the output as its receiver will: by Pillow whatever wrote it, and turned upright."""
    output = OPENERS[output_format](BytesIO(encoded))
    output.load()
    ImageOps.exif_transpose(output, in_place=True)
    if output.size != (kept.width, kept.height):
        raise KeptPixelsChanged("the output came back in another size")
    for rows in row_bands(kept.height):
        band = output.crop((0, rows.start, kept.width, rows.stop))
        expected = kept.channels(rows)
        if band.mode != kept.mode:
            band, expected = band.convert("RGBA"), _as_rgba(expected)
        yield rows, expected, np.asarray(band)


def _measure(expected: ImageArray, found: ImageArray, is_kept: MaskArray) -> tuple[int, int]:
    """Return how many kept pixels differ, and by how much at most."""
    difference = cv2.absdiff(expected, found)
    difference = to_uint8(cv2.bitwise_and(difference, difference, mask=is_kept))
    return _count_pixels(difference), int(difference.max())


def _count_pixels(difference: ImageArray) -> int:
    if difference.ndim == 2:
        return cv2.countNonZero(difference)
    # Channel by channel: numpy's max over a last axis of 3 or 4 is several times slower.
    planes = (difference[..., index] for index in range(difference.shape[2]))
    return cv2.countNonZero(reduce(np.maximum, planes))


def _as_rgba(pixels: ImageArray) -> ImageArray:
    """Return gray, gray with alpha or RGB as RGBA: uint8 (H, W, 4)."""
    if pixels.ndim == 2:
        return to_uint8(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA))
    if pixels.shape[2] == 3:
        return to_uint8(cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA))
    if pixels.shape[2] == 2:
        return np.ascontiguousarray(pixels[..., [0, 0, 0, 1]])
    return pixels
