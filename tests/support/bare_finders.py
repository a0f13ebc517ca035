"""Masks of transformers' own classes, called bare: what each finder's masks are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from tests.support.tiny_finders import library
from worker.engines.diffusion.finders.base import CLIP, HALVES, IMAGENET
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

Box = tuple[float, float, float, float]

SAM2_SIDE = 64
SAM3_SIDE = 56
OWLV2_SIDE = 32
"""Sides of the squares that the tiny models of `tiny_finders` see, in pixels."""


@dataclass(frozen=True, eq=False)
class BareThing:
    """One thing.

    Attributes:
        mask: uint8 (H, W) of the whole picture.
        score: 0 .. 1.
    """

    mask: MaskArray
    score: float


@dataclass(frozen=True)
class BareBox:
    """One box of a detector, in pixels of the picture."""

    box: Box
    score: float


def find_by_sam2(
    folder: Path,
    picture: ImageArray,
    *,
    points: Sequence[tuple[float, float]] = (),
    labels: Sequence[int] = (),
    box: Box | None = None,
) -> BareThing:
    """Return what SAM 2.1 finds at points or in a box; of one point the best of three masks."""
    height, width = picture.shape[:2]
    scale = (SAM2_SIDE / width, SAM2_SIDE / height)
    prompt: dict[str, Any] = {"multimask_output": len(points) == 1}
    if points:
        places = [[x * scale[0], y * scale[1]] for x, y in points]
        prompt["input_points"] = torch.tensor([[places]])
        prompt["input_labels"] = torch.tensor([[list(labels)]])
    if box is not None:
        scaled = [side * factor for side, factor in zip(box, scale * 2, strict=True)]
        prompt["input_boxes"] = torch.tensor([[scaled]])
    bare = library.Sam2Model.from_pretrained(folder).eval()
    planes = make_planes(picture, SAM2_SIDE, SAM2_SIDE, IMAGENET)
    output = _call(bare, pixel_values=planes, **prompt)
    scores = output.iou_scores[0, 0]
    best = int(scores.argmax())
    mask = _mask(output.pred_masks[0, 0, best], 0.0, picture)
    return BareThing(mask, float(scores[best].clamp(0, 1)))


def find_by_sam3(folder: Path, picture: ImageArray, words: str) -> list[BareThing]:
    """Return everything that SAM 3 finds for words, the surest first."""
    bare = library.Sam3Model.from_pretrained(folder).eval()
    tokens = _tokens(folder, words, padding="max_length", max_length=32)
    planes = make_planes(picture, SAM3_SIDE, SAM3_SIDE, HALVES)
    output = _call(bare, pixel_values=planes, **tokens)
    scores = output.pred_logits[0].sigmoid() * output.presence_logits[0].sigmoid()
    order = scores.argsort(descending=True, stable=True).tolist()
    shares = output.pred_masks[0].sigmoid()
    things = [BareThing(_mask(shares[one], 0.5, picture), float(scores[one])) for one in order]
    return [thing for thing in things if thing.mask.any()]


def detect_by_owlv2(folder: Path, picture: ImageArray, words: str) -> list[BareBox]:
    """Return the boxes that OWLv2 finds for words in the picture laid on a square."""
    height, width = picture.shape[:2]
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    square[:height, :width] = picture
    bare = library.Owlv2ForObjectDetection.from_pretrained(folder).eval()
    tokens = _tokens(folder, words, padding="max_length", max_length=16)
    planes = make_planes(to_uint8(square), OWLV2_SIDE, OWLV2_SIDE, CLIP)
    output = _call(bare, pixel_values=planes, **tokens)
    scores = output.logits[0].amax(dim=-1).sigmoid()
    return _list_boxes(output.pred_boxes[0], scores, (side, side), picture)


def detect_by_grounding_dino(folder: Path, picture: ImageArray, words: str) -> list[BareBox]:
    """Return the boxes that Grounding DINO finds for words in a picture of 3 to 2."""
    bare = library.GroundingDinoForObjectDetection.from_pretrained(folder).eval()
    tokens = _tokens(folder, f"{words}.", max_length=32)
    output = _call(bare, pixel_values=make_planes(picture, 800, 1200, IMAGENET), **tokens)
    scores = output.logits[0].sigmoid().amax(dim=-1)
    size = picture.shape[1], picture.shape[0]
    return _list_boxes(output.pred_boxes[0], scores, size, picture)


def make_planes(picture: ImageArray, height: int, width: int, colors: Any) -> torch.Tensor:
    """Prepare a picture as transformers' processors do with torchvision."""
    planes = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    resized = interpolate(planes, (height, width), mode="bilinear", antialias=True)
    mean, deviation = (torch.tensor(one)[:, None, None] for one in colors)
    return (resized - mean) / deviation


@torch.inference_mode()
def _call(model: Any, **inputs: Any) -> Any:
    return model(**inputs)


def _tokens(folder: Path, words: str, **options: Any) -> Any:
    tokenizer = library.AutoTokenizer.from_pretrained(folder)
    return tokenizer(words, return_tensors="pt", truncation=True, **options)


def _mask(plane: torch.Tensor, threshold: float, picture: ImageArray) -> MaskArray:
    large = interpolate(plane[None, None], picture.shape[:2], mode="bilinear")[0, 0]
    return to_uint8(np.where((large > threshold).numpy(), 255, 0).astype(np.uint8))


def _list_boxes(
    centers: torch.Tensor, scores: torch.Tensor, scale: tuple[int, int], picture: ImageArray
) -> list[BareBox]:
    """Return boxes cut to the picture, the surest first, without those outside of it."""
    found = []
    for (x, y, wide, high), score in zip(centers.tolist(), scores.tolist(), strict=True):
        left, right = _cut(x, wide, scale[0], picture.shape[1])
        top, bottom = _cut(y, high, scale[1], picture.shape[0])
        if right - left >= 1 and bottom - top >= 1:
            found.append(BareBox((left, top, right, bottom), score))
    return sorted(found, key=lambda one: -one.score)


def _cut(middle: float, length: float, scale: int, limit: int) -> tuple[float, float]:
    low, high = ((middle + sign * length / 2) * scale for sign in (-1, 1))
    return min(max(low, 0.0), limit), min(max(high, 0.0), limit)
