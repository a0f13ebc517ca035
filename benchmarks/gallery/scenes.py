"""The scenes of the gallery: free pictures, and what is to be done with each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from benchmarks.everyday.cases import find_case
from benchmarks.everyday.sample import Sample, encode
from benchmarks.weightfree.pictures import load_picture
from service.contract.geometry import Margins, plan_margins
from worker.imaging import MaskArray

Group = Literal["removals", "restorations", "products", "extensions", "cutouts", "failures"]
Box = tuple[int, int, int, int]
Point = tuple[int, int]

SIDE: Final = 512
EVERYDAY_SEED: Final = 1
WHITE: Final = (255,)


@dataclass(frozen=True)
class Scene:
    """One picture of the gallery.

    Attributes:
        name: of its file.
        group: what is done.
        title: what a reader sees above it.
        make: builds the sample.
        note: what somebody who looked at the results says of them.
    """

    name: str
    group: Group
    title: str
    make: Callable[[], Sample]
    note: str


def removal(picture: str, draw: Callable[[MaskArray], None]) -> Callable[[], Sample]:
    """Return a builder of a sample in which a drawn part is repainted."""

    def make() -> Sample:
        image = load_picture(picture, SIDE)
        mask = np.zeros(image.shape[:2], np.uint8)
        draw(mask)
        return Sample(encode(image), image, mask, ())

    return make


def restoration(picture: str, damage: Callable[[MaskArray], None]) -> Callable[[], Sample]:
    """Return a builder of a sample whose damage is white; the mask is a little wider."""

    def make() -> Sample:
        truth = load_picture(picture, SIDE)
        damaged, mark = truth.copy(), np.zeros(truth.shape[:2], np.uint8)
        damage(mark)
        damaged[mark != 0] = (250, 246, 236)
        mask = np.asarray(cv2.dilate(mark, np.ones((3, 3), np.uint8)), np.uint8)
        return Sample(encode(damaged), truth, mask, ())

    return make


def extension(picture: str, **margins: int) -> Callable[[], Sample]:
    """Return a builder of a sample that gives back what was cut off a picture's sides."""

    def make() -> Sample:
        truth = load_picture(picture, SIDE)
        cut = Margins(**{side: margins.get(side, 0) for side in ("left", "top", "right", "bottom")})
        height, width = truth.shape[:2]
        inner = np.s_[cut.top : height - cut.bottom, cut.left : width - cut.right]
        image = np.ascontiguousarray(truth[inner])
        mask = np.full((height, width), 255, np.uint8)
        mask[inner] = 0
        geometry = plan_margins(image.shape[1], image.shape[0], cut)
        return Sample(encode(image), truth, mask, (), geometry)

    return make


def everyday(name: str) -> Callable[[], Sample]:
    """Return a builder of one of the pictures that code makes, whose right answer is known."""
    return lambda: find_case(name).make(EVERYDAY_SEED)


def ellipse(center: Point, axes: Point) -> Callable[[MaskArray], None]:
    """Return a drawing of a filled ellipse."""
    return lambda mask: void(cv2.ellipse(mask, center, axes, 0, 0, 360, WHITE, cv2.FILLED))


def polygon(*points: Point) -> Callable[[MaskArray], None]:
    """Return a drawing of a filled polygon."""
    return lambda mask: void(cv2.fillPoly(mask, [np.array(points, np.int32)], WHITE))


def scratches(*lines: Sequence[Point], width: int = 3) -> Callable[[MaskArray], None]:
    """Return a drawing of lines."""
    paths = [np.array(line, np.int32) for line in lines]
    return lambda mask: void(cv2.polylines(mask, paths, False, WHITE, width))


def text(words: str, at: Point, size: float) -> Callable[[MaskArray], None]:
    """Return a drawing of a text."""
    font = cv2.FONT_HERSHEY_DUPLEX
    return lambda mask: void(cv2.putText(mask, words, at, font, size, WHITE, 2, cv2.LINE_AA))


def void(_drawn: object) -> None:
    """Return nothing: OpenCV's drawings return the picture."""


SCENES: Final = (
    Scene(
        "coin",
        "removals",
        "A coin out of its row",
        removal("coins", ellipse((156, 51), (29, 29))),
        "`patch` paints a squashed coin where the ground was wanted: what stands in rows "
        "is taken for a pattern. Smooth fills are right here.",
    ),
    Scene(
        "rocket",
        "removals",
        "A rocket off its pad",
        removal("rocket", polygon((244, 90), (272, 90), (284, 327), (228, 327))),
        "The sky goes on; the pad is made of what stands beside it.",
    ),
    Scene(
        "flower",
        "removals",
        "A second flower at the edge",
        removal("flower", ellipse((302, 338), (80, 50))),
        "Blurred ground goes on.",
    ),
    Scene(
        "launcher",
        "removals",
        "A model off its table",
        removal(
            "astronaut", polygon((352, 290), (370, 80), (395, 0), (445, 0), (468, 80), (470, 290))
        ),
        "The wall goes on; the table behind the model is guessed, and wrong in its outline.",
    ),
    Scene(
        "scratched",
        "restorations",
        "A scratched portrait",
        restoration(
            "astronaut",
            scratches(
                [(40, 30), (180, 160), (420, 330)],
                [(300, 0), (255, 120), (262, 300)],
                [(0, 400), (140, 330), (300, 420), (511, 380)],
            ),
        ),
        "Lines across texture and edges close well with every method.",
    ),
    Scene(
        "written-on",
        "restorations",
        "A photo that was written on",
        restoration("china", text("SAMPLE 2026", (60, 190), 1.9)),
        "Letters over fine structure: what lay below them is made of the parts beside it.",
    ),
    Scene(
        "stained",
        "restorations",
        "A print with a stain",
        restoration("grass", ellipse((250, 260), (90, 60))),
        "Grass is carried on by its own blades; the estimate is low because no blade is "
        "where it was.",
    ),
    Scene(
        "bottle",
        "products",
        "A bottle to a square",
        everyday("bottle square JPEG"),
        "Flat and soft ground with a shadow is continued as ground; no second bottle is made.",
    ),
    Scene(
        "bottle-removed",
        "products",
        "A table without its bottle",
        everyday("bottle removed"),
        "The product and its shadow are gone.",
    ),
    Scene(
        "studio",
        "products",
        "A studio's ground made wide",
        everyday("studio wide"),
        "A soft slope of light goes on.",
    ),
    Scene(
        "bricks",
        "extensions",
        "A wall of bricks",
        extension("brick", left=100, right=100),
        "`pattern` and `mirror` keep the joints; perspective, which narrows upwards, they"
        " do not see.",
    ),
    Scene(
        "gravel",
        "extensions",
        "Gravel, on all sides",
        extension("gravel", left=80, top=80, right=80, bottom=80),
        "Every copying method does; the estimate is low because no stone is where it was.",
    ),
    Scene(
        "lake",
        "extensions",
        "A lake behind a temple",
        extension("china", right=110),
        "Sky and water go on. The tree that stood there cannot be known.",
    ),
    Scene(
        "sprite",
        "cutouts",
        "A cutout with a hole across its rim",
        everyday("hole across the rim"),
        "The rim goes on, and transparency with it.",
    ),
    Scene(
        "cutout-line",
        "cutouts",
        "A cutout that was cut at a line",
        everyday("cut at a line, extended along it"),
        "Color and alpha are carried on along the cut.",
    ),
    Scene(
        "eye",
        "failures",
        "An eye",
        removal("chelsea", ellipse((318, 134), (42, 36))),
        "The hole is filled with fur: no method knows that cats have two eyes. The "
        "estimate does not know either.",
    ),
    Scene(
        "face",
        "failures",
        "A face at the edge",
        extension("astronaut", left=240),
        "Half of a person cannot be continued from the other half by copying. The "
        "estimate says so.",
    ),
    Scene(
        "cup",
        "failures",
        "A cup that is cut",
        extension("coffee", right=230),
        "Things that end beyond the border are carried on as if they did not. The "
        "estimate says so.",
    ),
)
"""All scenes, in the order of the page."""
