"""Neighborhoods at one size as rows of numbers: the sources, and the noisy ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worker.engines.patch.plan import find_sources
from worker.imaging import MaskArray


@dataclass(frozen=True, eq=False)
class Stage:
    """A region at one size.

    Attributes:
        level: halvings below full size.
        color: float32 (5, H, W), red, green, blue and two of roughness, -1..1 about their means;
            a smooth fill in holes.
        mean: float32 (5,), that was subtracted.
        hole: uint8 (H, W), 255 where pixels are sampled.
        known: uint8 (H, W), 255 where the picture is known; holes of other regions are in neither.
        sources: uint8 (H, W), 255 where pixels may be copied from.
    """

    level: int
    color: torch.Tensor
    mean: torch.Tensor
    hole: MaskArray
    known: MaskArray
    sources: MaskArray

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.hole.shape[0]), int(self.hole.shape[1])


@dataclass(frozen=True, eq=False)
class Patches:
    """All source neighborhoods at one size.

    Attributes:
        radius: the side is twice the radius plus one.
        terms: float32 (6 k², S), for each neighborhood its planes and, behind them, their squares.
        centers: float32 (S, 5), planes of the center.
        places: int64 (S, 2), row and column of the center.
    """

    radius: int
    terms: torch.Tensor
    centers: torch.Tensor
    places: NDArray[np.int64]


def gather_patches(stage: Stage, radius: int) -> Patches:
    """Return the neighborhoods that lie wholly in the sources."""
    free = find_sources(stage.sources, radius, radius)
    rows, columns = np.nonzero(free)
    at = torch.from_numpy(rows * stage.shape[1] + columns)
    colors = unfold(stage.color[None], radius)[0].index_select(1, at)
    squares = unfold(stage.color.square().sum(0)[None, None], radius)[0].index_select(1, at)
    terms = torch.cat((colors, squares)).contiguous()
    centers = stage.color.reshape(len(stage.color), -1).index_select(1, at).T.contiguous()
    return Patches(radius, terms, centers, np.stack((rows, columns), axis=1))


def unfold(planes: torch.Tensor, radius: int) -> torch.Tensor:
    """Return every pixel's neighborhood, 0 beyond the border: (N, C, H, W) to (N, C k², H W)."""
    return torch.nn.functional.unfold(planes, 2 * radius + 1, padding=radius)


def count_patches(stage: Stage, radius: int) -> int:
    """Return the number of neighborhoods that lie wholly in the sources."""
    if min(stage.shape) < 2 * radius + 1:
        return 0
    return int(np.count_nonzero(find_sources(stage.sources, radius, radius)))
