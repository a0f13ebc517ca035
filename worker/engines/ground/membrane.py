"""Smooth continuation of values that are known at some places only."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def pull_push(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill by what is known, from ever wider means.

    Args:
        values: float32 (H, W, C), already multiplied by their weights.
        weight: float32 (H, W), 0 .. 1.

    Source: S. Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4 (pull-push).
    """
    if min(weight.shape) <= 2:
        total = max(float(weight.sum()), 1e-6)
        return np.broadcast_to(values.sum(axis=(0, 1)) / total, values.shape).astype(np.float32)
    half_weight = np.asarray(cv2.pyrDown(weight))
    half_values = as_planes(cv2.pyrDown(values), values.shape[2])
    # Saturate: what is known well enough is not diluted by what is not.
    gain = np.minimum(4 * half_weight, 1) / np.maximum(half_weight, 1e-6)
    coarse = pull_push(
        np.asarray(half_values * gain[..., None], np.float32),
        np.asarray(half_weight * gain, np.float32),
    )
    size = (weight.shape[1], weight.shape[0])
    up = as_planes(cv2.pyrUp(coarse, dstsize=size), values.shape[2])
    rest = (1 - weight)[..., None]
    return np.asarray(values + rest * up, np.float32)


def as_planes(values: object, channels: int) -> NDArray[np.float32]:
    """Return an array with the last axis that OpenCV drops from a single channel."""
    array = np.asarray(values, np.float32)
    return array.reshape(*array.shape[:2], channels)


def average_known(
    values: NDArray[np.float32], known: NDArray[np.float32], sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return Gaussian means over what is known, and the share of the Gaussian that is known.

    Args:
        values: float32 (H, W, C).
        known: float32 (H, W), 0 .. 1.
        sigma: of the Gaussian, in pixels.
    """
    blurred = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    share = np.asarray(blurred, np.float32)
    total = cv2.GaussianBlur(
        values * known[..., None], (0, 0), sigma, borderType=cv2.BORDER_CONSTANT
    )
    means = as_planes(total, values.shape[2]) / np.maximum(share, 1e-6)[..., None]
    return np.asarray(means, np.float32), share
