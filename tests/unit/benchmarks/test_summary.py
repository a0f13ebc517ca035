from __future__ import annotations

import math

import pytest

from benchmarks.weightfree.cases import SECTIONS, Case, erase, list_cases
from benchmarks.weightfree.goals import find_masks_below, judge
from benchmarks.weightfree.metrics import Scores
from benchmarks.weightfree.pictures import SOURCES
from benchmarks.weightfree.run import Result, paint_case
from benchmarks.weightfree.summary import (
    Run,
    estimate_correlation,
    kind_correlation,
    rank_correlation,
    time_ratio,
)
from benchmarks.weightfree.tables import grid, render


def scored(psnr: float, swd: float = 1.0) -> Scores:
    return Scores(psnr, 0.5, 0.5, swd, 1.0, 1.0)


def result(mask: str, method: str, psnr: float, seconds: float = 1.0) -> Result:
    case = Case("inpaint", "rocket", mask)
    return Result(case, method, seconds, seconds, 100, scored(psnr))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 400], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 2, 3], [1, 2, 2, 3], 1.0),
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8),
    ],
)
def test_rank_correlation(first: list[float], second: list[float], expected: float) -> None:
    assert rank_correlation(first, second) == pytest.approx(expected)


def test_rank_correlation_is_undefined_when_nothing_varies() -> None:
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1, 2], [1, 2]) is None


def test_kind_correlation_knows_the_mask_but_not_the_picture() -> None:
    ssim = {("rocket", "text"): 0.9, ("coins", "text"): 0.8, ("ihc", "text"): 0.85}
    ssim |= {("rocket", "rect"): 0.3, ("coins", "rect"): 0.2, ("ihc", "rect"): 0.25}
    results = [
        Result(
            Case("inpaint", *key), "patch", scores=Scores(20, value, 0.5, 1, 1, 1), estimate=value
        )
        for key, value in ssim.items()
    ]
    assert estimate_correlation(Run(results))[0] == pytest.approx(1)
    assert 0.4 < (kind_correlation(Run(results)) or 0) < 0.9


def test_masks_below_names_mask_and_score() -> None:
    run = Run(
        [
            result("text", "patch", 20),
            result("text", "pypatchmatch-r3", 21),
            result("rect", "patch", 20),
            result("rect", "pypatchmatch-r3", 19),
        ]
    )
    assert find_masks_below(run, ("pypatchmatch-r3",)) == [("text", "psnr")]


def test_time_ratio_counts_only_cases_that_both_painted() -> None:
    run = Run(
        [
            result("text", "patch", 20, 1),
            result("text", "telea", 20, 4),
            result("rect", "patch", 20, 100),
        ]
    )
    assert time_ratio(run, "patch", "telea") == 0.25
    assert time_ratio(run, "patch", "biharmonic") is None


def test_judge_says_not_measured_where_there_is_no_case() -> None:
    assert all(verdict.is_met is None for verdict in judge(Run([])))


def test_judge_says_missed_and_met() -> None:
    run = Run([result("text", "patch", 20), result("text", "pypatchmatch-r3", 19)])
    met = {verdict.goal.name: verdict.is_met for verdict in judge(run)}
    assert met["mean PSNR over pypatchmatch r=3"] is True
    assert met["mean MS-SSIM over pypatchmatch r=3"] is False


def test_case_hides_the_truth_from_the_methods() -> None:
    image, mask = Case("periodic", "tile33x70", "all", 96).load()
    erased = erase(image, mask)
    assert len({tuple(pixel) for pixel in erased[mask > 0].tolist()}) == 1
    assert (erased[mask == 0] == image[mask == 0]).all()


@pytest.mark.parametrize("depth", ["quick", "normal", "full"])
def test_cases_name_pictures_that_exist(depth: str) -> None:
    cases = [case for section in SECTIONS for case in list_cases(section, depth)]  # type: ignore[arg-type]
    assert cases
    assert {case.picture for case in cases} <= set(SOURCES)


def test_paint_case_scores_every_method_and_keeps_failures_apart() -> None:
    painted = paint_case(Case("periodic", "tile33x70", "all", 96), ["telea", "mirror"], 2)
    assert set(painted.images) == set(painted.results) == {"telea", "mirror"}
    assert all(math.isfinite(one.seconds) and one.scores for one in painted.results.values())


def test_render_tells_every_method_of_a_run() -> None:
    painted = paint_case(Case("inpaint", "tile33x70", "blobs15", 96), ["telea"], 1)
    run = Run(list(painted.results.values()))
    text = render(run, judge(run), {"cores": 2})
    assert "| telea |" in text
    assert "not measured" in text


def test_grid_writes_a_dash_for_what_is_missing() -> None:
    assert grid(["a", "b"], [["x", None]]).splitlines()[-1] == "| x | - |"
