"""Photos and textures with holes, as samples: what the estimate is judged on too."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from benchmarks.everyday.sample import Case, Sample, extend, fill
from benchmarks.weightfree.masks import OUTPAINT_MASKS, make_mask
from benchmarks.weightfree.ours import find_geometry
from benchmarks.weightfree.pictures import Role, load_picture, names_of

SIDE = 320
HOLES = ("blobs15", "object", "rect", "strokes", "text")
STRIPS = ("lr", "right", "all")


def list_photos(roles: Sequence[Role] = ("tuned", "known", "untuned")) -> list[Case]:
    """Return photos of these roles, each with every kind of hole and one extension."""
    names = [name for role in roles for name in names_of(role)]
    cases = [cut_photo(name, kind) for name in names for kind in HOLES]
    return cases + [
        cut_photo(name, STRIPS[place % len(STRIPS)]) for place, name in enumerate(names)
    ]


def cut_photo(name: str, kind: str) -> Case:
    """Return one picture with a hole or an extension of this kind."""

    def build(rng: np.random.Generator) -> Sample:
        truth = load_picture(name, SIDE)
        height, width = truth.shape[:2]
        seed = crc32(f"{name} {kind}".encode()) ^ int(rng.integers(2**31))
        mask = make_mask(kind, height, width, seed)
        if kind not in OUTPAINT_MASKS:
            return fill(truth, mask)
        margins = find_geometry(mask).margins
        return extend(truth, (margins.left, margins.top, margins.right, margins.bottom))

    return Case("photo", f"{name} {kind}", build)
