"""Masks cut down to the boxes of what they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2

from service.contract.geometry import Box
from worker.engines.finders.base import Found
from worker.imaging import MaskArray


def crop_found(
    mask: MaskArray,
    score: float,
    label: str,
    details: Mapping[str, Any] | None = None,
    left: int = 0,
    top: int = 0,
) -> list[Found]:
    """Return what a mask shows as one thing, or nothing if it is empty.

    Args:
        mask: uint8 (h, w), 255 of the thing.
        score: 0 .. 1.
        label: what it is.
        details: for the recipe.
        left: where the mask lies in the picture.
        top: likewise.
    """
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return []
    box = Box(left=left + x, top=top + y, right=left + x + width, bottom=top + y + height)
    return [Found(box, mask[y : y + height, x : x + width], score, label, details or {})]
