"""Decode a PNG's pixels: unpacked by igzip, a few rows at a time, so that each byte is met once.

`docs/adr/0028-igzip.md` says why. The tests compare every kind of PNG with Pillow and OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from service.contract.errors import ImageUndecodable
from service.pictures.headers import PictureHeader
from service.pictures.opening import transparent_value
from service.pictures.png import MAX_SURPLUS_BYTES, PASSES
from worker.imaging import ImageArray, MaskArray
from worker.imaging.bands import row_bands
from worker.imaging.picture import DEEP_STEP, DeepPixels, Number, Pixels, to_uint8
from worker.imaging.png_data import DataReader, Layout, band_rows, read_layout
from worker.imaging.png_filters import undo_filters


def decode_png(data: bytes, header: PictureHeader) -> Pixels | DeepPixels:
    """Decode a PNG; one of 16 bits a channel comes back in 16.

    A transparent value, or transparent entries of the palette, become alpha.

    Raises:
        ImageUndecodable: the data is broken, ends early or goes on behind the last row, or names
            colors that the palette lacks.
        Exception: igzip's own; the data is broken.
    """
    layout = read_layout(data)
    reader = DataReader(data, header, isal_zlib.decompressobj())
    if layout.depth == 16:
        deep, cover = _read_pixels(reader, layout, np.uint16)
        _check_end(reader)
        value = transparent_value(header, deep=True)
        hidden = None if value is None else _find_value(deep, value)
        return DeepPixels(deep, cover if hidden is None else ~hidden * np.uint16(DEEP_STEP))
    color, alpha = _read_pixels(reader, layout, np.uint8)
    _check_end(reader)
    if header.palette is not None:
        return _look_up(color, header)
    if layout.depth < 8:
        color *= np.uint8(255 // (2**layout.depth - 1))
    value = transparent_value(header)
    return color, alpha if value is None else ~_find_value(color, value)


def _read_pixels(
    reader: DataReader, layout: Layout, kind: type[Number]
) -> tuple[NDArray[Number], NDArray[Number] | None]:
    """Return color as stored, or indices, and alpha."""
    size: tuple[int, int] = (layout.height, layout.width)
    color = np.empty((*size, 3) if layout.channels > 2 else size, kind)
    alpha = np.empty(size, kind) if layout.channels in (2, 4) else None
    if not layout.interlaced:
        for rows, samples in _read_rows(reader, layout, layout.width, layout.height):
            _part(samples, color[rows], None if alpha is None else alpha[rows])
        return color, alpha
    whole = np.empty((*size, layout.channels), kind)
    for left, top, across, down in PASSES:
        target = whole[top::down, left::across]
        for rows, samples in _read_rows(reader, layout, target.shape[1], target.shape[0]):
            target[rows] = samples
    _part(whole, color, alpha)
    return color, alpha


def _read_rows(
    reader: DataReader, layout: Layout, width: int, height: int
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield the rows of a pass, and their samples: (N, W, channels), in bands."""
    if not width or not height:
        return
    bits = layout.depth * layout.channels
    length, step = (width * bits + 7) // 8, max(bits // 8, 1)
    above = np.zeros(length, np.uint8)
    for band in row_bands(height, band_rows(length)):
        count = band.stop - band.start
        stored = np.frombuffer(reader.read(count * (1 + length)), np.uint8)
        rows = np.empty((count, length), np.uint8)
        if not undo_filters(stored.reshape(count, 1 + length), above, step, rows):
            raise ImageUndecodable("the PNG's data names a filter that does not exist")
        above = rows[-1]
        yield band, _unpack_samples(rows, layout.depth, width)


def _unpack_samples(rows: NDArray[np.uint8], depth: int, width: int) -> NDArray[Any]:
    """Return uint8 (N, W, channels), or uint16 for a depth of 16."""
    if depth == 16:
        return rows.view(">u2").astype(np.uint16).reshape(len(rows), width, -1)
    if depth < 8:
        shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
        rows = ((rows[..., None] >> shifts) & np.uint8(2**depth - 1)).reshape(len(rows), -1)
        return rows[:, :width, None]
    return rows.reshape(len(rows), width, -1)


def _part(samples: NDArray[Number], color: NDArray[Number], alpha: NDArray[Number] | None) -> None:
    """Write samples to color and alpha."""
    if alpha is None:
        color[...] = samples.reshape(color.shape)
        return
    cv2.extractChannel(samples, samples.shape[2] - 1, alpha)
    if color.ndim == 2:
        cv2.extractChannel(samples, 0, color)
    else:
        cv2.cvtColor(samples, cv2.COLOR_RGBA2RGB, color)


def _check_end(reader: DataReader) -> None:
    """Check that the data ends behind the last row: a megabyte can hold a gigabyte more.

    Raises:
        ImageUndecodable: it goes on, or its check sum is missing.
        Exception: igzip's own; its check sum is wrong.
    """
    if reader.count_surplus(MAX_SURPLUS_BYTES + 1) > MAX_SURPLUS_BYTES:
        raise ImageUndecodable("the PNG's data goes on behind its last row")
    if not reader.has_ended:
        raise ImageUndecodable("the PNG's data ends early")


def _look_up(indices: ImageArray, header: PictureHeader) -> Pixels:
    palette = np.frombuffer(header.palette or b"", np.uint8).reshape(-1, 3)
    if int(indices.max()) >= len(palette):
        raise ImageUndecodable("the picture names colors that its palette lacks")
    color = to_uint8(palette[indices])
    if header.transparency is None:
        return color, None
    alpha = np.full(256, 255, np.uint8)
    alpha[: len(header.transparency)] = np.frombuffer(header.transparency, np.uint8)
    return color, to_uint8(alpha[indices])


def _find_value(color: NDArray[Number], value: int | tuple[int, ...]) -> MaskArray:
    """Return where a color has a value: uint8 (H, W) of 255 and 0."""
    # As floats, which are exact here: arrays of one number each would be taken for pictures.
    bound = np.atleast_1d(np.array(value, np.float64))
    return to_uint8(cv2.inRange(color, bound, bound))
