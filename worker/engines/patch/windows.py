"""The parts of a picture that holes need: cost by the hole, not by the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box
from worker.engines.patch.plan import measure_half_width
from worker.imaging import MaskArray
from worker.imaging.geometry import widen_box
from worker.imaging.masks import bounding_box

GROUPING: Final = 64
"""Holes nearer than this part of the shorter side share a window."""

MIN_MARGIN: Final = 64
WHOLE_FROM: Final = 1.2
"""Windows that add up to this many pictures overlap so much that one is cheaper."""

MAX_GROUPS: Final = 500
"""More are dust all over: one window is cheaper than finding out which to join."""


@dataclass(frozen=True, eq=False)
class Window:
    """A part of the picture.

    Attributes:
        box: where it lies.
        own: uint8 (H, W) of the box's size, 255 where this window is to paint; other holes that
            reach into it are left to theirs.
    """

    box: Box
    own: MaskArray


@dataclass(frozen=True)
class _Group:
    """Holes that share a window, by their labels."""

    box: Box
    labels: tuple[int, ...]


def find_windows(mask: MaskArray, *, whole: bool = False) -> list[Window]:
    """Return windows that hold every hole with enough around it to copy from, small ones first.

    Args:
        mask: uint8 (H, W), 255 = repaint; somewhere 255.
        whole: take the whole picture as the only window.
    """
    height, width = mask.shape
    picture = Window(Box(left=0, top=0, right=width, bottom=height), mask)
    if whole:
        return [picture]
    reach = 2 * max(min(height, width) // GROUPING, 1) + 1
    # Only where there are holes: the rest of a large picture costs more than all that follows.
    seen = widen_box(bounding_box(mask), reach, width, height)
    part = np.s_[seen.top : seen.bottom, seen.left : seen.right]
    near = cv2.dilate(mask[part], np.ones((reach, reach), np.uint8))
    count, regions, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    if count - 1 > MAX_GROUPS:
        return [picture]
    labels = np.zeros(mask.shape, np.int32)
    np.copyto(labels[part], np.asarray(regions, np.int32), where=mask[part] != 0)
    corner = np.array([seen.left, seen.top, 0, 0], np.int32)
    groups = [
        _widen(_group(stats[label][:4] + corner, labels, label), mask) for label in range(1, count)
    ]
    groups = _merge(groups)
    if sum(_area(group.box) for group in groups) > WHOLE_FROM * height * width:
        return [picture]
    groups.sort(key=lambda group: _area(group.box))
    return [Window(group.box, _own(group, labels)) for group in groups]


def _area(box: Box) -> int:
    return box.width * box.height


def _group(stats: NDArray[np.int32], labels: NDArray[np.int32], label: int) -> _Group:
    """Return one group with the bounding box of its holes; `stats` are of their surroundings."""
    left, top, width, height = (int(value) for value in stats)
    own = (labels[top : top + height, left : left + width] == label).astype(np.uint8)
    inner_left, inner_top, width, height = cv2.boundingRect(own)
    left, top = left + inner_left, top + inner_top
    return _Group(Box(left=left, top=top, right=left + width, bottom=top + height), (label,))


def _widen(group: _Group, mask: MaskArray) -> _Group:
    box = group.box
    hole = np.ascontiguousarray(mask[box.top : box.bottom, box.left : box.right])
    longest = max(box.width, box.height)
    margin = max(MIN_MARGIN, int(1.5 * min(longest, 6 * measure_half_width(hole))))
    return _Group(widen_box(box, margin, mask.shape[1], mask.shape[0]), group.labels)


def _merge(groups: list[_Group]) -> list[_Group]:
    """Join windows whose union costs no more than they do."""
    merged: list[_Group] = []
    for group in groups:
        one = group
        while (
            other := next((rest for rest in merged if _is_cheaper(one, rest)), None)
        ) is not None:
            merged.remove(other)
            one = _Group(_union(one.box, other.box), one.labels + other.labels)
        merged.append(one)
    return merged


def _is_cheaper(one: _Group, other: _Group) -> bool:
    return _area(_union(one.box, other.box)) <= _area(one.box) + _area(other.box)


def _union(one: Box, other: Box) -> Box:
    return Box(
        left=min(one.left, other.left),
        top=min(one.top, other.top),
        right=max(one.right, other.right),
        bottom=max(one.bottom, other.bottom),
    )


def _own(group: _Group, labels: NDArray[np.int32]) -> MaskArray:
    box = group.box
    part = labels[box.top : box.bottom, box.left : box.right]
    return np.where(np.isin(part, group.labels), 255, 0).astype(np.uint8)
