"""The five filters of PNG's rows, undone.

Source: PNG specification, third edition, 9.2 to 9.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging.compiled import compiled
from worker.imaging.picture import to_uint8

Bytes = NDArray[np.uint8]

LANES: Final = 64
"""Rows that are done at once: as many bytes as a processor holds in few registers."""

FEW_LANES: Final = 12
"""Fewer rows are not worth it."""

_PAETH: Final = 4


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
    done = 0
    for first, stop in [*_find_paeth(filtered[:, 0]), (len(rows), len(rows))]:
        over = rows[done - 1] if done else above
        if not _undo_in_turn(filtered[done:first], over, step, rows[done:first]):
            return False
        for top in range(first, stop, LANES):
            part = slice(top, min(top + LANES, stop))
            over = rows[top - 1] if top else above
            _undo_paeth_at_once(filtered[part, 1:], over, step, rows[part])
        done = stop
    return True


def _find_paeth(kinds: Bytes) -> Iterator[tuple[int, int]]:
    """Yield where many rows filtered by Paeth's predictor follow each other: first, and behind."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], kinds == _PAETH, [0]))))
    for first, stop in edges.reshape(-1, 2).tolist():
        if stop - first >= FEW_LANES:
            yield first, stop


def _undo_paeth_at_once(stored: Bytes, above: Bytes, step: int, rows: Bytes) -> None:
    """Undo Paeth's predictor in many rows at once, each a pixel behind the one above.

    So what one waits for is there, and a processor does all of them in one operation. For that,
    what is done at once must lie side by side: rows become columns and back.
    """
    count, length = rows.shape
    # Before each row lie two pixels of zeros; the first is the row above, done already.
    starts = [(2 + lane) * step for lane in range(count + 1)]
    skewed = np.zeros((count + 1, starts[-1] + length), np.uint8)
    for lane, start in enumerate(starts):
        skewed[lane, start : start + length] = stored[lane - 1] if lane else above
    lanes = to_uint8(cv2.transpose(skewed))
    _predict_lanes(lanes, step)
    skewed = to_uint8(cv2.transpose(lanes))
    for lane, start in enumerate(starts[1:], 1):
        rows[lane - 1] = skewed[lane, start : start + length]


@compiled
def _predict_lanes(lanes: Bytes, step: int) -> None:
    """Undo the predictor; each column is a row of the picture, `step` lower than the one before."""
    for at in range(3 * step, lanes.shape[0]):
        lefts, corners, here = lanes[at - step], lanes[at - 2 * step], lanes[at]
        for lane in range(1, lanes.shape[1]):
            # In 16 bits, so that as many as possible fit into one operation.
            left, up = np.int16(lefts[lane]), np.int16(lefts[lane - 1])
            corner = np.int16(corners[lane - 1])
            over, across = np.int16(up - corner), np.int16(left - corner)
            both = np.int16(over + across)
            by_left, by_up = max(over, np.int16(-over)), max(across, np.int16(-across))
            by_corner = max(both, np.int16(-both))
            nearest = up if by_up <= by_corner else corner
            if by_left <= by_up and by_left <= by_corner:
                nearest = left
            here[lane] = np.uint8(here[lane] + np.uint8(nearest))


@compiled
def _undo_in_turn(filtered: Bytes, above: Bytes, step: int, rows: Bytes) -> bool:
    """Undo filters row by row; see `undo_filters`."""
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
    stored = np.frombuffer(bytes(2 * FEW_LANES) + b"\4\0" * FEW_LANES, np.uint8).reshape(-1, 2)
    undo_filters(stored, np.zeros(1, np.uint8), 1, np.empty((len(stored), 1), np.uint8))
