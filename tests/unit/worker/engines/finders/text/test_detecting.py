from __future__ import annotations

import cv2
import numpy as np

from worker.engines.finders.text.detecting import Floats, Network, detect_lines, has_contrast


def test_returns_the_rectangle_of_a_line_wider_than_the_core_that_the_network_marks() -> None:
    lines = detect_lines(_blank(736, 736), _network([(100, 200, 500, 230)]), 0.5, _ignore)

    [line] = lines
    left, top = line.corners.min(axis=0)
    right, bottom = line.corners.max(axis=0)
    # 400 x 30, widened by 1.6 of its area over its sides' sum: about 22 on each side.
    assert np.allclose([left, top, right, bottom], [77, 178, 522, 252], atol=4)
    assert line.score > 0.85


def test_returns_the_corners_in_pixels_of_the_picture_when_it_is_small() -> None:
    lines = detect_lines(_blank(368, 368), _network([(100, 200, 500, 230)]), 0.5, _ignore)

    assert np.allclose(lines[0].corners.max(axis=0), [261, 126], atol=3)


def test_leaves_out_lines_that_the_network_is_not_sure_of() -> None:
    faint = _network([(100, 200, 500, 230)], probability=0.4)

    assert detect_lines(_blank(736, 736), faint, 0.5, _ignore) == []
    assert len(detect_lines(_blank(736, 736), faint, 0.3, _ignore)) == 1


def test_looks_twice_and_lists_each_line_once_when_the_picture_is_large() -> None:
    looks: list[int] = []

    lines = detect_lines(
        _blank(1280, 1280),
        _network([(0.1, 0.2, 0.5, 0.23)], relative=True),
        0.5,
        lambda: looks.append(1),
    )

    assert len(looks) == 2
    assert len(lines) == 1


def test_bounds_what_the_network_sees_of_a_huge_picture() -> None:
    seen: list[tuple[int, ...]] = []

    def look(planes: Floats) -> Floats:
        seen.append(planes.shape)
        return np.zeros(planes.shape[2:], np.float32)

    assert detect_lines(_blank(6000, 300), look, 0.5, _ignore) == []
    assert max(seen[0][2:]) == 2048


def test_nothing_can_be_seen_in_an_even_area() -> None:
    image = _blank(736, 736) + np.array([9, 200, 9], np.uint8)
    [line] = detect_lines(image, _network([(100, 200, 500, 230)]), 0.5, _ignore)
    assert not has_contrast(image, line)

    image[210, 300, 0] += 3
    assert has_contrast(image, line)


def _blank(width: int, height: int) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def _network(
    boxes: list[tuple[float, float, float, float]],
    probability: float = 0.95,
    *,
    relative: bool = False,
) -> Network:
    """Return a network that finds text in these boxes, in whatever picture."""

    def look(planes: Floats) -> Floats:
        height, width = planes.shape[2:]
        found = np.zeros((height, width), np.float32)
        for box in boxes:
            scale = [width, height, width, height] if relative else [1, 1, 1, 1]
            left, top, right, bottom = (round(a * b) for a, b in zip(box, scale, strict=True))
            cv2.rectangle(found, (left, top), (right, bottom), probability, -1)
        return found

    return look


def _ignore() -> None:
    return None
