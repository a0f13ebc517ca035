"""Detectors: boxes of what words name, and masks within them.

Source: S. Liu et al., "Grounding DINO", ECCV 2024; M. Minderer et al., "Scaling Open-Vocabulary
    Object Detection", NeurIPS 2023 (OWLv2).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from service.contract.finders import GRABCUT
from worker.engines.base import StepCallback
from worker.engines.diffusion.finders.base import CLIP, IMAGENET, ModelFinder, Origin, clip_box
from worker.engines.diffusion.finders.sam2 import Box, SeenPicture, segment, side_of
from worker.engines.finders.base import FinderFacts, Found, Query
from worker.engines.finders.cropping import crop_found
from worker.engines.finders.grabcut.finder import GrabCutFinder
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

MOST: Final = 50
"""Things of one query, the surest first."""
OVERLAP: Final = 0.7
"""Boxes that share more than this of their union are one thing."""


@dataclass(frozen=True)
class Detection:
    """A box in pixels of the picture, and how sure it is."""

    box: Box
    score: float


class Detector(ModelFinder):
    """Finds boxes by words, and the thing within each by another model, or without weights."""

    reads_words = True

    def load(self) -> FinderFacts:
        """Load both models; see `ModelFinder`."""
        facts = super().load()
        masks = "SAM 2.1" if self._entry.segmenter else "GrabCut"
        details = {**facts.details, "masks": masks}
        return FinderFacts(**{**vars(facts), "details": details})

    def unload(self) -> None:
        """Drop both models."""
        self._segmenter: Any = None
        super().unload()

    def _read(self) -> None:
        super()._read()
        self._segmenter = None
        if self._entry.segmenter:
            origin = Origin(self._entry.segmenter, self._entry.segmenter_revision)
            self._segmenter = self._read_model("Sam2Model", origin)

    def _find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        on_step(0, 3)
        detections, is_cut = self._detect(image, query)
        kept = _drop_doubles(one for one in detections if one.score >= query.min_score)
        on_step(1, 3)
        if not kept:
            return []
        seen = self._see(image)
        found: list[Found] = []
        for index, detection in enumerate(kept):
            on_step(len(kept) + 2 * index, 3 * len(kept))
            found += self._cut(image, seen, detection, query, is_cut=is_cut)
        on_step(3, 3)
        return found

    @abstractmethod
    def _detect(self, image: ImageArray, query: Query) -> tuple[list[Detection], bool]:
        """Return all boxes, and whether words were cut off."""

    def _see(self, image: ImageArray) -> SeenPicture | None:
        if self._segmenter is None:
            return None
        side = side_of(self._segmenter)
        planes = self._make_planes(image, (side, side), IMAGENET)
        features = self._segmenter.get_image_embeddings(planes)
        return SeenPicture(features, image.shape[1], image.shape[0], side)

    def _cut(
        self,
        image: ImageArray,
        seen: SeenPicture | None,
        detection: Detection,
        query: Query,
        *,
        is_cut: bool,
    ) -> list[Found]:
        """Return the thing within a box; all of the box where nothing stands out in it."""
        details: dict[str, Any] = {"words_cut": True} if is_cut else {}
        if seen is not None:
            mask, _ = segment(self._segmenter, seen, box=detection.box)
            return crop_found(mask, detection.score, query.words, details)
        boxed = Query("box", GRABCUT.traits.min_score, box=detection.box)
        things = GrabCutFinder(GRABCUT).find(image, boxed, lambda _step, _steps: None)
        if things:
            [thing] = things
            return [Found(thing.box, thing.mask, detection.score, query.words, details)]
        left, top, right, bottom = (round(side) for side in detection.box)
        whole = to_uint8(np.full((max(1, bottom - top), max(1, right - left)), 255, np.uint8))
        details = {**details, "mask": "box"}
        return crop_found(whole, detection.score, query.words, details, left, top)

    def _boxes(
        self,
        corners: torch.Tensor,
        scores: torch.Tensor,
        scale: tuple[float, float],
        image: ImageArray,
    ) -> list[Detection]:
        """Return boxes given by center and size in shares of what the model saw."""
        found = []
        for (x, y, width, height), score in zip(corners.tolist(), scores.tolist(), strict=True):
            edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            sides = [edge * scale[index % 2] for index, edge in enumerate(edges)]
            box = clip_box(sides, image.shape[1], image.shape[0])
            if box is not None:
                found.append(Detection(box, score))
        return found


class GroundingDinoFinder(Detector):
    """Finds by Grounding DINO."""

    model_class = "GroundingDinoForObjectDetection"

    def _detect(self, image: ImageArray, query: Query) -> tuple[list[Detection], bool]:
        height, width = image.shape[:2]
        # As it was trained: the shorter side is 800 px, unless the longer one were above 1333.
        factor = min(800 / min(height, width), 1333 / max(height, width))
        size = (max(1, round(height * factor)), max(1, round(width * factor)))
        # A phrase ends with a full stop.
        words = f"{query.words.strip().rstrip('.').lower()}."
        limit = self._model.config.max_text_len
        tokens, is_cut = self._read_words(words, max_length=limit)
        output = self._model(pixel_values=self._make_planes(image, size, IMAGENET), **tokens)
        scores = output.logits[0].float().sigmoid().amax(dim=-1)
        boxes = output.pred_boxes[0].float()
        return self._boxes(boxes, scores, (width, height), image), is_cut


class Owlv2Finder(Detector):
    """Finds by OWLv2."""

    model_class = "Owlv2ForObjectDetection"

    def _detect(self, image: ImageArray, query: Query) -> tuple[list[Detection], bool]:
        height, width = image.shape[:2]
        side = max(height, width)
        square = np.zeros((side, side, 3), np.uint8)
        square[:height, :width] = image
        seen = int(self._model.config.vision_config.image_size)
        planes = self._make_planes(to_uint8(square), (seen, seen), CLIP)
        limit = self._model.config.text_config.max_position_embeddings
        tokens, is_cut = self._read_words(query.words, padding="max_length", max_length=limit)
        output = self._model(pixel_values=planes, **tokens)
        scores = output.logits[0].float().amax(dim=-1).sigmoid()
        boxes = output.pred_boxes[0].float()
        return self._boxes(boxes, scores, (side, side), image), is_cut


def _drop_doubles(detections: Iterator[Detection]) -> list[Detection]:
    """Return the surest boxes, without those that are nearly the same as a surer one."""
    kept: list[Detection] = []
    for one in sorted(detections, key=lambda each: -each.score):
        if all(_overlap(one.box, other.box) <= OVERLAP for other in kept):
            kept.append(one)
        if len(kept) == MOST:
            break
    return kept


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)
