"""Folders of pictures as public sets are laid out: what is sent, the mask, and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import cv2
import numpy as np
from PIL import Image

from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

T = TypeVar("T")

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
GRAY: Final = 127
MASK_MARK: Final = "_mask"


@dataclass(frozen=True, eq=False)
class Item:
    """One picture with what is to be removed.

    Attributes:
        name: unique within its set.
        sent: RGB uint8 (H, W, 3).
        mask: uint8 (H, W), 255 = to be painted.
        truth: the picture without what is removed; None where nobody knows it.
    """

    name: str
    sent: ImageArray
    mask: MaskArray
    truth: ImageArray | None


@dataclass(frozen=True)
class Layout:
    """Where the files of a set lie.

    Attributes:
        source: what this was taken from.
        images: folders of the pictures that are sent; the first that exists counts.
        masks: folders of the masks.
        truths: folders of the pictures without the thing.
        is_hole_black: whether 0 in a mask means the hole.
        is_beside: whether mask and picture lie in one folder, `NAME_mask000.png` beside `NAME.png`,
            and the picture itself is the truth; the folders do not count then.
    """

    source: str
    images: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    truths: tuple[str, ...] = ()
    is_hole_black: bool = False
    is_beside: bool = False


LAYOUTS: Final[Mapping[str, Layout]] = {
    "corne": Layout("the set's card", ("shot",), ("mask_eff", "mask_sam"), ("bg",)),
    "corne-core": Layout("the set's card", ("shot",), ("mask_sam",), ("bg",)),
    "texterase": Layout(
        "the set's card, but for the name of the masks' folder",
        ("shot",),
        ("mask", "masks", "mask_text", "mask_sam"),
        ("bg",),
    ),
    "rord": Layout(
        "the code of the set's authors", ("img",), ("mask",), ("gt",), is_hole_black=True
    ),
    "places": Layout("the evaluation of LaMa", is_beside=True),
    "plain": Layout(
        "here", ("image", "images"), ("mask", "masks"), ("truth", "truths", "gt", "background")
    ),
}
"""By the name that `--set` has."""


def load_set(
    layout: Layout, folder: Path, limit: int | None = None, *, inverts: bool = False
) -> Iterator[Item]:
    """Yield the items of a folder, in the order of their names.

    Args:
        layout: how it is laid out.
        folder: of the set.
        limit: at most so many, spread evenly over all; None for all.
        inverts: whether masks mean the opposite of what the layout says.

    Raises:
        ValueError: a folder is not there, no mask has a picture, or sizes differ.
    """
    found = list(_find_beside(folder) if layout.is_beside else _find_parallel(layout, folder))
    if not found:
        raise ValueError(f"{folder}: no picture has a mask of its name; see the layouts")
    is_hole_black = layout.is_hole_black != inverts
    for name, image, mask, truth in spread(found, limit):
        yield _load(name, image, mask, truth, is_hole_black)


def spread(items: list[T], limit: int | None) -> list[T]:
    """Return at most `limit` items, evenly spread over all."""
    if limit is None or limit >= len(items):
        return items
    return [items[index * len(items) // limit] for index in range(limit)]


def _find_parallel(layout: Layout, folder: Path) -> Iterator[tuple[str, Path, Path, Path | None]]:
    images = _list(_first(folder, layout.images))
    masks = _list(_first(folder, layout.masks))
    truths = _list(_first(folder, layout.truths)) if _has(folder, layout.truths) else {}
    for name, mask in masks.items():
        plain = name.removesuffix(MASK_MARK)
        image = images.get(name) or images.get(plain)
        if image is not None:
            yield name, image, mask, truths.get(name) or truths.get(plain)


def _find_beside(folder: Path) -> Iterator[tuple[str, Path, Path, Path | None]]:
    files = _list(folder)
    for name, mask in files.items():
        image = files.get(name.rpartition(MASK_MARK)[0])
        if image is not None:
            yield name, image, mask, image


def _has(folder: Path, names: tuple[str, ...]) -> bool:
    return any((folder / name).is_dir() for name in names)


def _first(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise ValueError(f"{folder} has no folder {' or '.join(names)}")


def _list(folder: Path) -> dict[str, Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}


def _load(name: str, image: Path, mask: Path, truth: Path | None, is_hole_black: bool) -> Item:
    sent = _read(image, "RGB")
    gray = _read(mask, "L")
    hole = ((gray < 128) == is_hole_black).astype(np.uint8) * 255
    if hole.shape != sent.shape[:2]:
        size = sent.shape[1], sent.shape[0]
        hole = to_uint8(cv2.resize(hole, size, interpolation=cv2.INTER_NEAREST))
    if truth == image:
        # What was there would give the answer away.
        return Item(name, _erase(sent, hole), hole, sent)
    right = None if truth is None else _read(truth, "RGB")
    if right is not None and right.shape != sent.shape:
        raise ValueError(f"{truth} has another size than {image}")
    return Item(name, sent, hole, right)


def _read(path: Path, mode: str) -> ImageArray:
    with Image.open(path) as opened:
        return to_uint8(np.asarray(opened.convert(mode)).copy())


def _erase(image: ImageArray, hole: MaskArray) -> ImageArray:
    erased = image.copy()
    erased[hole > 0] = GRAY
    return erased
