from __future__ import annotations

from itertools import pairwise

import pytest

from service.contract.methods import METHODS
from service.contract.params import InpaintParams, OutpaintParams
from service.submission.work import estimate_work

MEGAPIXEL = 1_000_000


def test_work_grows_with_hole_quality_and_variants() -> None:
    small = estimate_work("patch", InpaintParams(), MEGAPIXEL, 0.01 * MEGAPIXEL)
    large = estimate_work("patch", InpaintParams(), MEGAPIXEL, 0.9 * MEGAPIXEL)
    best = estimate_work("patch", InpaintParams(quality="best"), MEGAPIXEL, 0.9 * MEGAPIXEL)
    many = estimate_work("patch", InpaintParams(num_images=4), MEGAPIXEL, 0.9 * MEGAPIXEL)
    assert small < large < best
    assert large < many


def test_worst_request_of_few_bytes_counts_more_than_a_hundred_small_ones() -> None:
    worst = estimate_work(
        "patch", InpaintParams(quality="best"), 4 * MEGAPIXEL, 0.95 * 4 * MEGAPIXEL
    )
    usual = estimate_work("patch", InpaintParams(), 512 * 512, 0.05 * 512 * 512)
    assert worst > 100 * usual


@pytest.mark.parametrize("method", [method.name for method in METHODS])
def test_every_method_has_work_that_follows_its_quality(method: str) -> None:
    work = [
        estimate_work(method, OutpaintParams(quality=quality), MEGAPIXEL, MEGAPIXEL / 2)
        for quality in ("fast", "balanced", "best")
    ]
    assert work[0] > 0
    assert all(lower <= higher for lower, higher in pairwise(work))
