"""What is painted: pictures times masks, for scores and for the clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal
from zlib import crc32

import numpy as np

from benchmarks.weightfree.masks import INPAINT_MASKS, OUTPAINT_MASKS, make_mask
from benchmarks.weightfree.pictures import SOURCES, load_large, load_picture, names_of
from worker.imaging import ImageArray, MaskArray

Section = Literal["inpaint", "outpaint", "periodic", "time", "memory"]
Depth = Literal["quick", "normal", "full"]

SECTIONS: tuple[Section, ...] = ("inpaint", "outpaint", "periodic", "time", "memory")

QUICK_MASKS = ("blobs15", "object", "strokes", "text")
QUICK_TUNED = ("astronaut", "chelsea", "brick")
QUICK_UNTUNED = ("rocket", "motorcycle", "grass")
QUICK_SIDE = 384
SIDE = 512

TIME_PICTURES = ("astronaut", "china", "motorcycle")


@dataclass(frozen=True)
class Case:
    """One picture with one mask.

    Attributes:
        section: which table it belongs to.
        picture: a key of the pictures.
        mask: a kind of mask.
        side: longest side in pixels; with `size` 0.
        size: width and height for cases that need an exact size.
        has_sheet: whether a contact sheet shows it.
    """

    section: Section
    picture: str
    mask: str
    side: int = SIDE
    size: tuple[int, int] | None = None
    has_sheet: bool = False

    @property
    def is_outpainting(self) -> bool:
        """Return whether the mask lies around the picture."""
        return self.mask in OUTPAINT_MASKS

    @property
    def label(self) -> str:
        """What the case is called where pictures do not matter."""
        size = "{}x{}".format(*self.size) if self.size else str(self.side)
        return f"{size} {self.mask}"

    def load(self) -> tuple[ImageArray, MaskArray]:
        """Return the whole picture and the mask."""
        if self.size is None:
            image = load_picture(self.picture, self.side)
        else:
            image = load_large(self.picture, *self.size)
        # Every picture gets masks of its own, the same ones in every run.
        seed = crc32(f"{self.picture} {self.mask}".encode())
        height, width = image.shape[:2]
        return image, make_mask(self.mask, height, width, seed)


def erase(image: ImageArray, mask: MaskArray) -> ImageArray:
    """Return the picture with the mean color in the hole, so that no method can see the truth."""
    erased = image.copy()
    erased[mask > 0] = np.mean(image[mask == 0], axis=0).round().astype(np.uint8)
    return erased


def list_cases(section: Section, depth: Depth) -> list[Case]:
    """Return the cases of a section."""
    if section == "inpaint":
        return _inpaint_cases(depth)
    if section == "outpaint":
        return _outpaint_cases(depth)
    if section == "periodic":
        return _periodic_cases(depth)
    return _time_cases(depth) if section == "time" else _memory_cases(depth)


def _inpaint_cases(depth: Depth) -> list[Case]:
    if depth == "quick":
        first = [Case("inpaint", name, kind) for name in QUICK_TUNED for kind in QUICK_MASKS]
        last = [Case("inpaint", n, k) for n in QUICK_UNTUNED for k in ("blobs15", "text")]
        return [
            replace(case, side=QUICK_SIDE, has_sheet=case.mask != "text") for case in first + last
        ]
    shown = {
        ("coffee", "blobs10"),
        ("rocket", "blobs15"),
        ("grass", "blobs25"),
        ("china", "object"),
        ("ihc", "rect"),
        ("motorcycle", "strokes"),
        ("flower", "text"),
        ("coins", "text"),
        ("brick", "object"),
    }
    return [
        Case("inpaint", name, kind, has_sheet=(name, kind) in shown)
        for name in names_of()
        for kind in INPAINT_MASKS
    ]


def _outpaint_cases(depth: Depth) -> list[Case]:
    if depth == "quick":
        chosen = [("astronaut", "lr"), ("rocket", "right")]
        return [Case("outpaint", name, kind, QUICK_SIDE, None, True) for name, kind in chosen]
    kinds = ("lr", "lr", "right", "all")
    return [
        Case("outpaint", name, kinds[index % len(kinds)], has_sheet=index % 3 == 1)
        for index, name in enumerate(names_of())
    ]


def _periodic_cases(depth: Depth) -> list[Case]:
    if depth == "quick":
        return [Case("periodic", name, "all", QUICK_SIDE, None, True) for name in ("tile48x61",)]
    return [
        Case("periodic", name, kind, has_sheet=kind == "right")
        for name in names_of(group="periodic")
        for kind in ("right", "all")
    ]


def _time_cases(depth: Depth) -> list[Case]:
    kinds = ["blobs15", "text"] if depth == "quick" else ["blobs15", "blobs25", "text"]
    cases = _timed(512, 512, kinds)
    if depth != "quick":
        cases += _timed(1024, 1024, ["blobs15", "lr"]) + _timed(3840, 2160, ["hole:10000"])
    if depth == "full":
        cases += _timed(2048, 2048, ["blobs15"], TIME_PICTURES[1:2])
        cases += _timed(3840, 2160, ["hole:100000", "hole:1000000"], TIME_PICTURES[1:2])
    return cases


def _memory_cases(depth: Depth) -> list[Case]:
    sizes = [((512, 512), "blobs15"), ((1024, 1024), "blobs15"), ((1024, 1024), "lr")]
    if depth == "full":
        sizes += [((2048, 2048), "blobs15"), ((3840, 2160), "hole:10000")]
        sizes += [((3840, 2160), "hole:100000"), ((3840, 2160), "hole:1000000")]
    if depth == "quick":
        return []
    return [Case("memory", "china", kind, size=size) for size, kind in sizes]


def _timed(
    width: int, height: int, kinds: list[str], pictures: tuple[str, ...] = TIME_PICTURES
) -> list[Case]:
    return [Case("time", name, kind, size=(width, height)) for kind in kinds for name in pictures]


def role_of(case: Case) -> str:
    """Return the role of the case's picture."""
    return SOURCES[case.picture].role
