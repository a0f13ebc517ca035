"""The estimate: what it sees, and that each thing it sees can only lower it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from service.contract.params import InpaintParams
from worker.engines.base import Canvas, Painted
from worker.engines.estimate import judge, name_doubt
from worker.engines.estimate.features import measure_misfit
from worker.engines.estimate.judging import find_evidence
from worker.engines.estimate.model import REASONS, WEIGHTS, estimate_from
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

BLUE = (30, 60, 120)


def flat(height: int = 200, width: int = 300) -> ImageArray:
    return np.full((height, width, 3), BLUE, np.uint8)


def hole(height: int = 200, width: int = 300, half: int = 40) -> MaskArray:
    mask = np.zeros((height, width), np.uint8)
    row, column = height // 2, width // 2
    mask[row - half : row + half, column - half : column + half] = 255
    return mask


def with_disk(image: ImageArray) -> ImageArray:
    height, width = image.shape[:2]
    return to_uint8(cv2.circle(image.copy(), (width // 2, height // 2), 30, (255, 127, 25), -1))


def textured(sigma: float) -> ImageArray:
    noise = np.random.default_rng(1).normal(128, sigma, (200, 300, 1))
    return np.repeat(noise.clip(0, 255).astype(np.uint8), 3, axis=2)


def written() -> ImageArray:
    page = np.full((200, 300, 3), 255, np.uint8)
    for row in range(14, 200, 14):
        cv2.putText(page, "words and words and words", (2, row), 0, 0.5, (0, 0, 0), 1)
    return page


def evidence_of(image: ImageArray, fit: float = 0.9) -> dict[str, float]:
    return find_evidence(image, hole(), fit)


def test_evidence_of_a_flat_ground_is_free_of_doubt() -> None:
    evidence = evidence_of(flat())
    seen = ("dull", "wild", "unsure", "invented", "strange", "crossed", "strokes")
    assert {name: evidence[name] for name in seen} == dict.fromkeys(seen, 0.0)
    assert estimate_from(evidence) > 0.85


def test_evidence_tells_a_figure_that_was_invented_on_ground() -> None:
    right, wrong = evidence_of(flat()), evidence_of(with_disk(flat()))
    assert wrong["invented"] > 0.3 and wrong["strange"] > 0.3
    assert estimate_from(wrong) < estimate_from(right) - 0.2


def test_evidence_tells_a_copied_figure_from_one_that_goes_on() -> None:
    band = flat()
    band[90:110] = (255, 127, 25)
    assert evidence_of(with_disk(flat()))["floating"] > 0.3
    assert evidence_of(band)["floating"] == 0


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("strokes", written()),
        ("crossed", written()),
        ("texture", textured(25)),
        ("wild", np.where(hole()[..., None] > 0, textured(25), flat())),
        ("dull", np.where(hole()[..., None] > 0, flat(), textured(25))),
    ],
)
def test_evidence_sees(name: str, image: ImageArray) -> None:
    assert evidence_of(image)[name] > evidence_of(flat())[name] + 0.1


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_estimate_falls_with_every_feature(name: str) -> None:
    evidence = evidence_of(flat())
    assert WEIGHTS[name] > 0
    assert estimate_from({**evidence, name: evidence[name] + 0.5}) < estimate_from(evidence)


def test_features_are_all_named_in_words() -> None:
    assert set(REASONS) >= set(WEIGHTS)
    assert set(WEIGHTS) <= set(evidence_of(flat()))


def test_doubt_is_named_by_what_takes_most_away() -> None:
    assert name_doubt({**dict.fromkeys(WEIGHTS, 0.0), "strange": 1.0}) == REASONS["strange"]
    assert name_doubt({}) is None


def test_misfit_falls_with_the_fit_and_stays_finite() -> None:
    values = [measure_misfit(fit) for fit in (0.0, 0.2, 0.5, 0.9, 1.0)]
    assert values == sorted(values, reverse=True)
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [
        (1, 40, (0, 0, 1, 8)),
        (5, 5, (2, 2, 3, 3)),
        (900, 40, (0, 0, 900, 20)),
        (60, 60, (0, 0, 60, 59)),
    ],
)
def test_judge_takes_pictures_of_any_shape(
    height: int, width: int, box: tuple[int, int, int, int]
) -> None:
    image, mask = flat(height, width), np.zeros((height, width), np.uint8)
    mask[box[0] : box[2], box[1] : box[3]] = 255
    judged = judge_one(image, mask, 0.8)
    assert judged.estimate is not None and 0 < judged.estimate < 1


def test_judge_sees_a_scratch_in_a_large_picture() -> None:
    mask = np.zeros((1200, 1600), np.uint8)
    cv2.line(mask, (20, 30), (1500, 1100), 255, 2)
    judged = judge_one(flat(1200, 1600), mask, 0.95)
    assert judged.estimate is not None and judged.estimate > 0.85


def test_judge_leaves_what_has_no_estimate_and_tells_its_evidence_else() -> None:
    assert judge_one(flat(), hole(), None).estimate is None
    judged = judge_one(flat(), hole(), 0.9, blend="membrane")
    assert judged.details["blend"] == "membrane"
    assert set(judged.details["evidence"]) >= set(WEIGHTS)


def judge_one(image: ImageArray, mask: MaskArray, fit: float | None, **details: Any) -> Painted:
    return judge(Canvas(image, mask, InpaintParams(), 1), Painted(image, fit, details))


def test_evidence_sees_transparent_pixels_as_one_flat_ground() -> None:
    clear = np.zeros((200, 300, 4), np.uint8)
    shown = np.dstack([with_disk(flat()), np.full((200, 300), 255, np.uint8)])
    on_ground = {**find_evidence(clear, hole(), 0.9)}
    assert on_ground["invented"] == on_ground["strange"] == on_ground["unsure"] == 0
    figure = np.where(hole()[..., None] > 0, shown, clear)
    assert find_evidence(figure, hole(), 0.9)["invented"] > 0.9


def test_what_was_foretold_counts_instead_of_how_hard_it_was() -> None:
    image, mask = textured(40), hole()
    guessed, measured = (
        find_evidence(image, mask, 0.95, is_foretold=is_foretold) for is_foretold in (False, True)
    )
    assert estimate_from(guessed) < 0.6
    assert estimate_from(measured) == pytest.approx(0.95, abs=0.02)
    poor = find_evidence(image, mask, 0.6, is_foretold=True)
    assert estimate_from(poor) == pytest.approx(0.6, abs=0.05)
    assert name_doubt(poor) == REASONS["foretold"]


def test_faults_of_a_foretold_result_still_lower_its_estimate() -> None:
    right, wrong = (
        find_evidence(image, hole(), 0.95, is_foretold=True)
        for image in (flat(), with_disk(flat()))
    )
    assert estimate_from(wrong) < estimate_from(right) - 0.2
