"""A finder without weights for tests: it finds connected pixels of one pure color.

Text is red, the subject is green; words are the name of a color. `slow` in words makes steps of
0.05 seconds until the job is aborted.
"""

from __future__ import annotations

import time

import cv2
import numpy as np

from service.contract.catalogue import Catalogue
from service.contract.finders import FINDER_FAMILIES, FinderEntry
from service.contract.geometry import Box
from worker.config import WorkerSettings
from worker.engines.base import StepCallback
from worker.engines.finders import building
from worker.engines.finders.base import FinderFacts, Found, Query
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import build_engines
from worker.imaging import ImageArray, MaskArray

COLORS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "text": (255, 0, 0),
    "subject": (0, 255, 0),
    "background": (0, 0, 255),
}


class ColorFinder:
    """Finds every part of one color; its score is its share of its box."""

    def __init__(self, entry: FinderEntry, threads: int = 0) -> None:
        self._entry = entry
        self.is_loaded = False

    def load(self) -> FinderFacts:
        self.is_loaded = True
        return FinderFacts(self._entry.name, self._entry.family, details={"colors": len(COLORS)})

    def unload(self) -> None:
        self.is_loaded = False

    def find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        if query.words == "slow":
            for step in range(10_000):
                time.sleep(0.05)
                on_step(step, 10_000)
        on_step(0, 1)
        label = query.words or query.kind
        parts = _split(np.all(image == COLORS.get(label, (1, 2, 3)), axis=2), label)
        if query.kind == "points":
            parts = _pick(image, query)
        return sorted(parts, key=lambda found: -found.score)


def _split(marked: np.ndarray, label: str) -> list[Found]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8))
    found = []
    for index in range(1, count):
        left, top, width, height, area = map(int, stats[index])
        box = Box(left=left, top=top, right=left + width, bottom=top + height)
        part: MaskArray = (labels[top : top + height, left : left + width] == index).astype(
            np.uint8
        ) * 255
        found.append(Found(box, part, area / (width * height), label))
    return found


def _pick(image: ImageArray, query: Query) -> list[Found]:
    """Return the part of one color that has the points that belong to it, and no other point."""
    x, y = query.points[query.labels.index(True)]
    same = np.all(image == image[int(y), int(x)], axis=2)
    places = list(zip(query.points, query.labels, strict=True))
    return [
        one
        for one in _split(same, "thing")
        if all(_has(one, *point) is wanted for point, wanted in places)
    ]


def _has(found: Found, x: float, y: float) -> bool:
    box, column, row = found.box, int(x), int(y)
    if not (box.left <= column < box.right and box.top <= row < box.bottom):
        return False
    return bool(found.mask[row - box.top, column - box.left])


def build_with_colors(settings: WorkerSettings, catalogue: Catalogue) -> EngineRegistry:
    """Build the engines of a queue, with the finder of colors in place of every other."""
    building.ADAPTERS = dict.fromkeys(FINDER_FAMILIES, "tests.support.finders:ColorFinder")
    return build_engines(settings, catalogue)
