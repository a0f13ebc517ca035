"""Connecting what runs into holes: one hole after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from service.contract.geometry import Box
from worker.engines.structures.drawing import Way, draw
from worker.engines.structures.ending import find_ends, mark_ongoing
from worker.engines.structures.entries import find_entries
from worker.engines.structures.pairing import find_pairs
from worker.engines.structures.scene import Scene
from worker.imaging import ImageArray, MaskArray
from worker.imaging.geometry import widen_box

MARGIN: Final = 72
"""Pixels around a hole that structures are followed in."""

MIN_HALF_WIDTH: Final = 12.0
MIN_IN_GRAPHIC: Final = 2.0
"""Pixels: patches close a narrower hole of a photo better, and of a graphic without help."""

MAX_HOLES: Final = 64
"""More are scratches and dust."""


@dataclass(frozen=True, eq=False)
class Connected:
    """A picture whose structures go on through its holes.

    Attributes:
        image: uint8 (H, W, C), with what was drawn.
        drawn: uint8 (H, W), 255 where something was drawn; the rest of the holes is as it was.
        own: uint8 (H, W), 255 at the structures themselves, without what was drawn beside them.
        count: structures drawn.
    """

    image: ImageArray
    drawn: MaskArray
    own: MaskArray
    count: int


def connect_structures(
    image: ImageArray,
    mask: MaskArray,
    *,
    source_mask: MaskArray | None = None,
    is_graphic: bool = False,
) -> Connected:
    """Draw lines and edges that run into a hole on two sides through it.

    Args:
        image: uint8, RGB (H, W, 3) or premultiplied RGBA (H, W, 4); what lies under the mask is
            not read.
        mask: uint8 (H, W), 255 = hole.
        source_mask: uint8 (H, W), 255 where colors may be taken from; `None` for everywhere.
        is_graphic: whether it is a drawing or a page: nothing has grain, and letters make no lines.

    Source: J. Sun et al., "Image Completion with Structure Propagation", SIGGRAPH 2005 (the order:
        structures first, texture around them).
    """
    result, count = image.copy(), 0
    drawn, own = np.zeros_like(mask), np.zeros_like(mask)
    number, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if number - 1 > MAX_HOLES:
        return Connected(result, drawn, own, 0)
    unknown = mask if source_mask is None else np.where(source_mask == 0, 255, mask)
    least = MIN_IN_GRAPHIC if is_graphic else MIN_HALF_WIDTH
    for label in range(1, number):
        left, top, width, height, _ = (int(value) for value in stats[label])
        box = Box(left=left, top=top, right=left + width, bottom=top + height)
        box = widen_box(box, MARGIN, mask.shape[1], mask.shape[0])
        part = np.s_[box.top : box.bottom, box.left : box.right]
        hole = np.where(np.asarray(labels)[part] == label, 255, 0).astype(np.uint8)
        half_width = measure_half_width(hole)
        if half_width < least:
            continue
        # What was drawn in another hole is known from here on.
        open_ = np.where(drawn[part] != 0, 0, unknown[part]).astype(np.uint8)
        scene = Scene(np.ascontiguousarray(result[part]), open_, hole, is_graphic)
        ways = _find_ways(scene, half_width)
        if ways:
            drawing = draw(scene.image, hole, ways, has_grain=not is_graphic)
            result[part] = drawing.image
            drawn[part] |= drawing.drawn
            own[part] |= drawing.own
            count += len(ways)
    return Connected(result, drawn, own, count)


def _find_ways(scene: Scene, half_width: float) -> list[Way]:
    entries = find_entries(scene)
    if scene.is_graphic:
        entries = mark_ongoing(entries, scene)
    pairs = find_pairs(entries, scene.hole, half_width, is_graphic=scene.is_graphic)
    ways = [
        Way(
            pair.curve,
            pair.one.profile,
            pair.other.profile,
            pair.shift,
            (pair.one.length, pair.other.length),
        )
        for pair in pairs
    ]
    paired = [entry for pair in pairs for entry in (pair.one, pair.other)]
    alone = [entry for entry in entries if entry not in paired]
    return ways + find_ends(alone, ways, scene)


def measure_half_width(hole: MaskArray) -> float:
    """Return how deep a hole is, in pixels."""
    return float(cv2.distanceTransform(hole, cv2.DIST_L2, cv2.DIST_MASK_5).max())
