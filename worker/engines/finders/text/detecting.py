"""From a picture to the quadrilaterals of its lines of text.

Source: M. Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", AAAI
2020; weights: PP-OCRv6's small detector (Apache-2.0), as RapidOCR's wheel holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray

Floats = NDArray[np.float32]
Network = Callable[[Floats], Floats]
"""From a picture (1, 3, H, W) of -1 .. 1, blue first, sides multiples of 32, to the probability of
text (H, W)."""

MULTIPLE: Final = 32
SHORT_SIDE: Final = 736
"""Smaller pictures are enlarged to this, as the network was used by its makers."""
LONG_SIDE: Final = 2048
"""Larger pictures are reduced to this: it bounds time and memory."""
COARSE_FROM: Final = 1000
"""From this short side on, half the size is looked at too: letters may be larger than what the
network sees at once."""

IS_TEXT: Final = 0.3
UNCLIP: Final = 1.6
"""The network marks the core of a line; its height by which the core is widened, as its makers
do."""
MOST_LINES: Final = 1000
LEAST_CONTRAST: Final = 3
"""Levels by which text differs from its ground at least."""


@dataclass(frozen=True, eq=False)
class TextLine:
    """A line of text.

    Attributes:
        corners: x and y of a rectangle's corners (4, 2) in pixels of the picture, in turn.
        score: mean probability of text in its core, 0 .. 1.
    """

    corners: Floats
    score: float


def detect_lines(
    image: ImageArray, network: Network, min_score: float, between: Callable[[], None]
) -> list[TextLine]:
    """Return the lines of text in a picture, from the top down.

    Args:
        image: RGB (H, W, 3).
        network: finds text.
        min_score: lines with less are left out.
        between: called before each look of the network.
    """
    lines: list[TextLine] = []
    for width, height in _sizes(image.shape[1], image.shape[0]):
        between()
        probability = network(_prepare(image, width, height))
        scale = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        found = _read_lines(probability, scale, min_score)
        lines += [line for line in found if not _is_covered(line, lines)]
    return sorted(lines, key=lambda line: tuple(line.corners.min(axis=0)[::-1]))[:MOST_LINES]


def has_contrast(image: ImageArray, line: TextLine) -> bool:
    """Return whether anything can be seen where a line is."""
    left, top, width, height = cv2.boundingRect(np.rint(line.corners).astype(np.int32))
    part = image[max(top, 0) : top + height, max(left, 0) : left + width]
    return part.size > 0 and int(np.ptp(part, axis=(0, 1)).max()) >= LEAST_CONTRAST


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return the sizes at which the network looks at a picture."""
    factor = max(1.0, SHORT_SIDE / min(width, height))
    factor = min(factor, LONG_SIDE / max(width, height))
    factors = [factor]
    if min(width, height) * factor >= COARSE_FROM:
        factors.append(factor / 2)
    return [(_round(width * one), _round(height * one)) for one in factors]


def _round(side: float) -> int:
    return max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE)


def _prepare(image: ImageArray, width: int, height: int) -> Floats:
    way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    resized = cv2.resize(image, (width, height), interpolation=way)
    planes = np.ascontiguousarray(resized[..., ::-1].transpose(2, 0, 1)[None])
    return planes.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _read_lines(probability: Floats, scale: Floats, min_score: float) -> list[TextLine]:
    is_text = (probability > IS_TEXT).astype(np.uint8)
    contours, _ = cv2.findContours(is_text, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = sorted(contours, key=cv2.contourArea, reverse=True)[:MOST_LINES]
    found = (_read_line(probability, contour, scale) for contour in largest)
    return [line for line in found if line is not None and line.score >= min_score]


def _read_line(probability: Floats, contour: NDArray[Any], scale: Floats) -> TextLine | None:
    center, (width, height), angle = cv2.minAreaRect(contour)
    if min(width, height) < 2:
        return None
    core = np.asarray(cv2.boxPoints((center, (width, height), angle)), np.float32)
    wider = width * height * UNCLIP / (width + height)
    corners = cv2.boxPoints((center, (width + wider, height + wider), angle)) * scale
    return TextLine(corners.astype(np.float32), _mean_within(probability, core))


def _mean_within(probability: Floats, corners: Floats) -> float:
    left, top, width, height = cv2.boundingRect(np.rint(corners).astype(np.int32))
    part = probability[max(top, 0) : top + height, max(left, 0) : left + width]
    within = np.zeros(part.shape, np.uint8)
    shifted = np.rint(corners - [max(left, 0), max(top, 0)]).astype(np.int32)
    cv2.fillConvexPoly(within, shifted, 1)
    return float(cv2.mean(part, within)[0])


def _is_covered(line: TextLine, lines: list[TextLine]) -> bool:
    """Return whether lines that were found before cover most of this one."""
    left, top = np.floor(line.corners.min(axis=0)).astype(int)
    width, height = np.ceil(np.ptp(line.corners, axis=0)).astype(int) + 1
    own, others = (np.zeros((height, width), np.uint8) for _ in range(2))
    cv2.fillConvexPoly(own, np.rint(line.corners - [left, top]).astype(np.int32), 1)
    for other in lines:
        cv2.fillConvexPoly(others, np.rint(other.corners - [left, top]).astype(np.int32), 1)
    return bool((own & others).sum() > 0.5 * own.sum())
