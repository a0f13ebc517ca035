"""The five filters of PNG's rows, undone.

Source: PNG specification, third edition, 9.2 to 9.4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worker.imaging.compiled import compiled

Bytes = NDArray[np.uint8]


@compiled
def undo_filters(filtered: Bytes, above: Bytes, step: int, rows: Bytes) -> bool:
    """Undo the filter of each row, whose number is its first byte.

    Args:
        filtered: uint8 (N, 1 + L), rows as stored.
        above: uint8 (L,), the row above the first; zeros above the picture.
        step: bytes from a pixel to the next, at least 1.
        rows: uint8 (N, L), filled.

    Returns:
        False if a filter has another number than 0..4.
    """
    for index in range(rows.shape[0]):
        kind, row, stored = filtered[index, 0], rows[index], filtered[index, 1:]
        if kind == 0:
            row[:] = stored
        elif kind == 1:
            _undo_sub(stored, step, row)
        elif kind == 2:
            for at in range(row.size):
                row[at] = stored[at] + above[at]
        elif kind == 3:
            _undo_average(stored, above, step, row)
        elif kind == 4:
            _undo_paeth(stored, above, step, row)
        else:
            return False
        above = row
    return True


@compiled
def _undo_sub(stored: Bytes, step: int, row: Bytes) -> None:
    for at in range(row.size):
        row[at] = stored[at] + row[at - step] if at >= step else stored[at]


@compiled
def _undo_average(stored: Bytes, above: Bytes, step: int, row: Bytes) -> None:
    for at in range(row.size):
        left = np.int32(row[at - step]) if at >= step else np.int32(0)
        row[at] = stored[at] + np.uint8((left + np.int32(above[at])) >> 1)


@compiled
def _undo_paeth(stored: Bytes, above: Bytes, step: int, row: Bytes) -> None:
    for at in range(min(step, row.size)):
        row[at] = stored[at] + above[at]
    for at in range(step, row.size):
        left, up = np.int32(row[at - step]), np.int32(above[at])
        corner = np.int32(above[at - step])
        by_left, by_up = abs(up - corner), abs(left - corner)
        by_corner = abs(left + up - 2 * corner)
        nearest = left
        if by_up < by_left:
            by_left, nearest = by_up, up
        if by_corner < by_left:
            nearest = corner
        row[at] = stored[at] + np.uint8(nearest)


def warm() -> None:
    """Compile the filters, or load them from disk where an earlier process compiled them."""
    rows = np.zeros((1, 1), np.uint8)
    undo_filters(np.frombuffer(bytes(2), np.uint8).reshape(1, 2), rows[0], 1, rows)
