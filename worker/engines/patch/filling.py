"""Filling holes as people expect it: structures go on, graphics stay flat, patches do the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import cv2
import numpy as np

from service.contract.geometry import Box
from service.contract.params import Ground
from worker.engines.base import StepCallback
from worker.engines.graphics import Palette, fill_flat, find_palette, is_smooth, snap
from worker.engines.ground.inside import HoleGrounds, fill_grounds
from worker.engines.ground.rarity import find_unique_beside
from worker.engines.patch.completion import Completion, complete
from worker.engines.patch.plan import Quality
from worker.engines.structures import connect_structures
from worker.imaging import ImageArray, MaskArray
from worker.imaging.geometry import widen_box
from worker.imaging.masks import bounding_box

MIN_AROUND: Final = 64
BY_SIDE: Final = 0.5
"""Pixels around holes that tell whether they lie in a graphic, at least, and share of the longest
side: a page may hold a photo."""

FLAT_ESTIMATE: Final = 0.95
"""Of a part that was filled with its ground."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A filled picture.

    Attributes:
        completion: the picture and how well it went.
        details: which ways were taken, for the recipe.
    """

    completion: Completion
    details: dict[str, Any] = field(default_factory=dict)


def fill(
    image: ImageArray,
    mask: MaskArray,
    *,
    seed: int,
    quality: Quality = "balanced",
    source_mask: MaskArray | None = None,
    ground: Ground | None = None,
    on_step: StepCallback,
) -> Filled:
    """Fill holes.

    Args:
        image: uint8, RGB (H, W, 3) or premultiplied RGBA (H, W, 4); what lies under the mask is not
            read.
        mask: uint8 (H, W), 255 = repaint.
        seed: 0 .. 2**32 - 1; the same seed gives the same bytes.
        quality: how much time to take.
        source_mask: uint8 (H, W), 255 where may be copied from; `None` for everywhere.
        ground: `ignore` to copy patches alone.
        on_step: called with rounds done and rounds in all; what it raises ends the work.
    """
    finish = partial(
        complete, seed=seed, quality=quality, source_mask=source_mask, strict=True, on_step=on_step
    )
    if ground == "ignore":
        return Filled(finish(image, mask))
    find = partial(fill_grounds, source_mask=source_mask, seed=seed, check=lambda: on_step(0, 1))
    found = find(image, mask)
    if found.rest.any():
        filled = _fill_rest(found.image, found.rest, source_mask, find, finish)
    else:
        filled = Filled(finish(found.image, found.rest))
    details = {**filled.details, **found.details}
    return Filled(_weigh(filled.completion, mask, found.rest), details)


def _fill_rest(
    image: ImageArray,
    mask: MaskArray,
    source_mask: MaskArray | None,
    find: Callable[..., HoleGrounds],
    finish: Callable[..., Completion],
) -> Filled:
    """Fill holes that something crosses: structures first, then what lies between them."""
    palette = _find_palette_around(image, mask, source_mask)
    connected = connect_structures(
        image, mask, source_mask=source_mask, is_graphic=palette is not None
    )
    rest = np.where(connected.drawn != 0, 0, mask).astype(np.uint8)
    details: dict[str, Any] = {"structures": connected.count}
    picture = connected.image
    if palette is not None:
        details["palette"] = len(palette.colors)
        keeps = is_smooth(image, mask, palette)
        picture = snap(picture, connected.drawn, rest, palette, keeps_edges=keeps)
        flat = fill_flat(picture, rest, palette)
        picture, rest = flat.image, flat.rest
    elif connected.count:
        between = find(picture, rest, figures=connected.drawn)
        picture, rest = between.image, between.rest
    done = finish(
        picture,
        rest,
        avoided=_find_unique(picture, rest, source_mask),
        structures=connected.own if connected.count else None,
    )
    if palette is not None:
        nothing = np.zeros_like(rest)
        done = replace(done, image=snap(done.image, rest, nothing, palette, keeps_edges=False))
    return Filled(_weigh(done, mask, rest), details)


def _find_unique(
    image: ImageArray, rest: MaskArray, source_mask: MaskArray | None
) -> MaskArray | None:
    """Return what exists once and is not copied: uint8 (H, W), 255 there; `None` for nothing.

    Who says where to copy from is taken at their word.
    """
    if source_mask is not None or not rest.any():
        return None
    unique = find_unique_beside(image, rest)
    return None if unique is None else np.where(unique != 0, 255, 0).astype(np.uint8)


def _find_palette_around(
    image: ImageArray, mask: MaskArray, source_mask: MaskArray | None
) -> Palette | None:
    """Return the colors around the holes if they lie in a graphic."""
    if not mask.any():
        return None
    box: Box = bounding_box(mask)
    around = max(MIN_AROUND, round(BY_SIDE * max(box.width, box.height)))
    box = widen_box(box, around, mask.shape[1], mask.shape[0])
    part = np.s_[box.top : box.bottom, box.left : box.right]
    unknown = mask[part]
    if source_mask is not None:
        unknown = np.where(source_mask[part] == 0, 255, unknown).astype(np.uint8)
    return find_palette(image[part], unknown)


def _weigh(done: Completion, mask: MaskArray, rest: MaskArray) -> Completion:
    """Return a completion whose estimate counts what was filled before it."""
    total = max(cv2.countNonZero(mask), 1)
    share = cv2.countNonZero(rest) / total
    return replace(done, estimate=share * done.estimate + (1 - share) * FLAT_ESTIMATE)
