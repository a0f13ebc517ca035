"""SAM 2.1: the thing at points, or in a box.

Source: N. Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from worker.engines.base import StepCallback
from worker.engines.diffusion.finders.base import IMAGENET, ModelFinder
from worker.engines.finders.base import Found, Query
from worker.engines.finders.cropping import crop_found
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class SeenPicture:
    """A picture that the encoder has seen.

    Attributes:
        features: of the encoder.
        width: of the picture, in pixels.
        height: likewise.
        side: of the square that the encoder saw.
    """

    features: Any
    width: int
    height: int
    side: int

    def scale(self, places: Sequence[float]) -> list[float]:
        """Return places of the picture (x, y, x, y, …) in the encoder's square."""
        factors = (self.side / self.width, self.side / self.height)
        return [place * factors[index % 2] for index, place in enumerate(places)]


def side_of(model: Any) -> int:
    """Return the side of the square that a model's encoder takes."""
    size = model.config.prompt_encoder_config.image_size
    return int(size if isinstance(size, int) else size[0])


def segment(
    model: Any,
    seen: SeenPicture,
    points: Sequence[tuple[float, float]] = (),
    labels: Sequence[bool] = (),
    box: Box | None = None,
) -> tuple[MaskArray, float]:
    """Return the mask of a thing, and the model's own estimate of how good it is.

    Of one point the model proposes three masks, from a part to the whole: the best is taken.
    """
    device = model.device
    prompt: dict[str, torch.Tensor] = {}
    if points:
        places = [seen.scale(point) for point in points]
        prompt["input_points"] = torch.tensor([[places]], device=device)
        prompt["input_labels"] = torch.tensor([[[int(one) for one in labels]]], device=device)
    if box is not None:
        prompt["input_boxes"] = torch.tensor([[seen.scale(box)]], device=device)
    is_vague = len(points) == 1 and box is None
    output = model(image_embeddings=seen.features, multimask_output=is_vague, **prompt)
    scores = output.iou_scores[0, 0].float()
    best = int(scores.argmax())
    logits = output.pred_masks[0, 0, best].float()
    mask = enlarge(logits, seen.width, seen.height) > 0
    return to_mask(mask), float(scores[best].clamp(0, 1))


def enlarge(planes: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Return a plane (h, w) at the picture's size."""
    size = (height, width)
    return interpolate(planes[None, None], size, mode="bilinear", align_corners=False)[0, 0]


def to_mask(mask: torch.Tensor) -> MaskArray:
    """Return a mask as an array, 255 where it is true."""
    return to_uint8(np.where(mask.cpu().numpy(), 255, 0).astype(np.uint8))


class Sam2Finder(ModelFinder):
    """Finds the thing at points, or in a box."""

    model_class = "Sam2Model"

    def _find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        on_step(0, 2)
        side = side_of(self._model)
        planes = self._make_planes(image, (side, side), IMAGENET)
        features = self._model.get_image_embeddings(planes)
        on_step(1, 2)
        seen = SeenPicture(features, image.shape[1], image.shape[0], side)
        mask, score = segment(self._model, seen, query.points, query.labels, query.box)
        on_step(2, 2)
        return crop_found(mask, score, "thing") if score >= query.min_score else []
