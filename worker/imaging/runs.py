"""Run-lengths of masks, in COCO's compressed text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box
from service.contract.regions import MAX_NUMBERS, RunLengths
from worker.imaging import MaskArray


def compress_mask(mask: MaskArray, box: Box, size: tuple[int, int]) -> RunLengths | None:
    """Return the run-lengths of what a mask marks in a picture; `None` if it has too many runs.

    Args:
        mask: uint8 (box.height, box.width) of 0 and 255; somewhere 255.
        box: where it lies in the picture.
        size: width and height of the picture.
    """
    counts = find_runs(mask, box, size)
    if len(counts) > MAX_NUMBERS:
        return None
    return RunLengths(size=[size[1], size[0]], counts=_compress(counts))


def find_runs(mask: MaskArray, box: Box, size: tuple[int, int]) -> list[int]:
    """Return lengths of runs of 0 and 1 in turn, column by column, from 0; see `compress_mask`."""
    width, height = size
    # By edges, not by pixels: a mask of a large picture would take eight bytes for each.
    marked = np.pad((mask.T > 0).astype(np.int8), ((0, 0), (1, 1)))
    steps = marked[:, 1:] - marked[:, :-1]
    starts, ends = (_find_places(steps, sign, box, height) for sign in (1, -1))
    # A run that reaches the bottom goes on at the top of the next column.
    joined = starts[1:] == ends[:-1]
    starts, ends = starts[np.append(True, ~joined)], ends[np.append(~joined, True)]
    edges = np.empty(2 * starts.size + 2, np.int64)
    edges[0], edges[1:-1:2], edges[2:-1:2], edges[-1] = 0, starts, ends, width * height
    counts: list[int] = np.diff(edges).tolist()
    return counts if counts[-1] else counts[:-1]


def _find_places(steps: NDArray[np.int8], sign: int, box: Box, height: int) -> NDArray[np.int64]:
    columns, rows = np.nonzero(steps == sign)
    return np.asarray((columns + box.left) * height + rows + box.top, np.int64)


def _compress(counts: list[int]) -> str:
    """Write counts as COCO does: five bits a character, each number less the one two before it.

    Source: `rleToString` in the file that `RunLengths` names.
    """
    text = []
    for index, count in enumerate(counts):
        value, more = count - (counts[index - 2] if index > 2 else 0), True
        while more:
            bits, value = value & 0x1F, value >> 5
            more = value != (-1 if bits & 0x10 else 0)
            text.append(chr((bits | 0x20 if more else bits) + 48))
    return "".join(text)
