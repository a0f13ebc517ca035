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

MIN_MARGIN: Final = 512
MARGIN_SHARE: Final = 2
"""Pixels around holes in which grounds and structures are looked for, at least, and per pixel of
the longest side: a small hole in a large picture costs no arrays of the whole."""

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
    window = _Window.around(mask)
    sources = None if source_mask is None else window.cut(source_mask)
    find = partial(fill_grounds, source_mask=sources, seed=seed, check=lambda: on_step(0, 1))
    hole = window.cut(mask)
    found = find(window.cut(image), hole)
    finish_whole = partial(_finish_whole, image, window, finish)
    if found.rest.any():
        part = _fill_rest(found.image, found.rest, sources, find, finish_whole)
    else:
        part = Filled(finish_whole(found.image, found.rest))
    done = _weigh(part.completion, hole, found.rest)
    whole = replace(done, image=window.paste(image, done.image))
    return Filled(whole, {**part.details, **found.details})


@dataclass(frozen=True)
class _Window:
    """The part of a picture around its holes.

    Attributes:
        part: slices of rows and columns.
    """

    part: tuple[slice, slice]

    @classmethod
    def around(cls, mask: MaskArray) -> _Window:
        """Return the window around the holes of a mask; the whole picture if there is none."""
        if not mask.any():
            return cls((slice(None), slice(None)))
        box = bounding_box(mask)
        margin = max(MIN_MARGIN, MARGIN_SHARE * max(box.width, box.height))
        box = widen_box(box, margin, mask.shape[1], mask.shape[0])
        return cls(np.s_[box.top : box.bottom, box.left : box.right])

    def cut(self, array: ImageArray) -> ImageArray:
        """Return the window of a picture or mask, contiguous."""
        return np.ascontiguousarray(array[self.part])

    def embed(self, mask: MaskArray, size: tuple[int, ...]) -> MaskArray:
        """Return a mask of the whole picture that is 0 outside the window."""
        if mask.shape == size:
            return mask
        whole = np.zeros(size, np.uint8)
        whole[self.part] = mask
        return whole

    def paste(self, whole: ImageArray, inside: ImageArray) -> ImageArray:
        """Return a picture or mask with another window; itself where that changes nothing."""
        if inside.shape == whole.shape:
            return inside
        if np.array_equal(whole[self.part], inside):
            return whole
        pasted = whole.copy()
        pasted[self.part] = inside
        return pasted


def _finish_whole(
    image: ImageArray,
    window: _Window,
    finish: Callable[..., Completion],
    picture: ImageArray,
    rest: MaskArray,
    **hints: MaskArray | None,
) -> Completion:
    """Complete the rest of a window from the whole picture.

    Args:
        image: the whole picture.
        window: of the other arrays.
        finish: completes a whole picture.
        picture: the window, filled but for `rest`.
        rest: uint8, 255 where the window is still to be filled.
        hints: further masks of the window; `None` for nothing.

    Returns:
        The completion; its image is the window's.
    """
    size = image.shape[:2]
    masks = {
        name: None if hint is None else window.embed(hint, size) for name, hint in hints.items()
    }
    done = finish(window.paste(image, picture), window.embed(rest, size), **masks)
    return replace(done, image=window.cut(done.image))


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
