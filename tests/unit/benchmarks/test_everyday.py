"""The cases of everyday pictures, and the figures that results must keep."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.everyday.calibrate import fit, propose_threshold, rows_of
from benchmarks.everyday.cases import CASES, find_case
from benchmarks.everyday.estimates import calibrate_all
from benchmarks.everyday.measures import largest_error, share_off
from benchmarks.everyday.painting import list_methods, paint_edge
from benchmarks.everyday.photos import HOLES, cut_photo, list_photos
from benchmarks.everyday.run import Outcome, likeness, paint_case
from benchmarks.everyday.sample import KINDS, Case
from benchmarks.everyday.sheets import draw_sheet
from benchmarks.everyday.tables import judge_run
from benchmarks.weightfree.sheets import CELL


def names() -> list[str]:
    return [case.name for case in CASES]


def test_cases_are_forty_and_more_and_every_kind_has_five() -> None:
    counted = Counter(case.kind for case in CASES)
    assert len(CASES) >= 40
    assert set(counted) == set(KINDS)
    assert min(counted.values()) >= 5
    assert len(set(names())) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=names())
@pytest.mark.parametrize("seed", [1, 2])
def test_truth_keeps_every_check_of_its_case(case: Case, seed: int) -> None:
    sample = case.make(seed)
    assert sample.checks
    figures = {check.goal: check.measure(sample, sample.truth) for check in sample.checks}
    kept = {check.goal: check.is_kept(figures[check.goal]) for check in sample.checks}
    assert all(kept.values()), figures
    assert likeness(sample, sample.truth) == pytest.approx(1)


@pytest.mark.parametrize("case", CASES, ids=names())
def test_file_is_the_truth_where_it_is_kept(case: Case) -> None:
    sample = case.make(1)
    off = np.abs(sample.known.astype(int) - sample.truth)[sample.mask == 0].max(axis=1)
    if sample.file.startswith(b"\xff\xd8"):
        assert off.mean() < 4
    else:
        # What a scanner left at the border is sent, and is not the right answer.
        assert np.mean(off > 0) < 0.01
    assert 0 < np.count_nonzero(sample.mask) < sample.mask.size


def test_sample_is_the_same_for_a_seed_and_another_for_another() -> None:
    case = find_case("flat square")
    assert case.make(3).file == case.make(3).file
    assert case.make(3).file != case.make(4).file


def test_figures_tell_a_wrong_result_from_a_right_one() -> None:
    sample = find_case("flat square").make(1)
    wrong = sample.truth.copy()
    wrong[:6] = 255 - wrong[:6]
    assert share_off(8)(sample, sample.truth) == 0
    assert share_off(8)(sample, wrong) == pytest.approx(5)
    assert largest_error(sample, wrong) > 24


def test_edge_repeats_the_nearest_pixel() -> None:
    image = np.zeros((6, 8, 3), np.uint8)
    image[:, 5:] = 9
    mask = np.full((6, 8), 255, np.uint8)
    mask[2:4, 2:6] = 0
    filled = paint_edge(image, mask)
    assert (filled[:, :5] == 0).all()
    assert (filled[2:4, 5:] == 9).all()


def test_case_is_painted_as_a_worker_paints_it_and_beside_plain_repetition() -> None:
    methods = [one for one in list_methods() if one.name in ("patch", "edge")]
    painted = paint_case(find_case("forbidden dots"), 1, methods)
    assert list(painted.outcomes) == ["patch", "edge"]
    assert painted.outcomes["patch"].error is None
    assert painted.outcomes["patch"].estimate is not None
    sample = painted.sample
    for painting in painted.paintings.values():
        assert np.array_equal(painting.pixels[sample.mask == 0], sample.known[sample.mask == 0])
    assert draw_sheet([painted]).shape[1] == 4 * CELL
    assert [verdict.name for verdict in judge_run(list(painted.outcomes.values()))] == [
        "forbidden pixels copied"
    ]


def test_failure_is_a_result_and_no_end_of_the_run() -> None:
    methods = [one for one in list_methods() if one.name == "edge"]

    def fail(*_: object) -> None:
        raise ValueError("no such pixels")

    broken = type(methods[0])("broken", ("inpaint",), fail)  # type: ignore[arg-type]
    painted = paint_case(find_case("icon removed"), 1, [broken, *methods])
    outcome: Outcome = painted.outcomes["broken"]
    assert outcome.error == "ValueError: no such pixels"
    assert not outcome.is_right
    assert painted.outcomes["edge"].error is None


def outcome_of(kind: str, likeness: float, estimate: float) -> Outcome:
    warnings = ("low_confidence",) if estimate < 0.5 else ()
    return Outcome(kind, "case", 1, "patch", True, likeness, estimate=estimate, warnings=warnings)


def test_calibration_tells_estimates_that_are_right_from_those_that_are_not() -> None:
    values = [place / 20 for place in range(20)]
    right = calibrate_all([outcome_of("flat", value, value) for value in values])
    assert [one.name for one in right] == ["flat", "everyday", "all"]
    assert right[-1].correlation == pytest.approx(1)
    assert (right[-1].worst_warned, right[-1].best_warned) == (1, 0)
    assert right[-1].is_met
    [*_, wrong] = calibrate_all([outcome_of("photo", value, 1 - value) for value in values])
    assert wrong.correlation == pytest.approx(-1)
    assert not wrong.is_met


def test_fit_finds_the_weights_that_results_were_made_with() -> None:
    rng = np.random.default_rng(1)
    outcomes = []
    for place in range(300):
        misfit, strange, share = rng.uniform(-2, 1), rng.uniform(0, 1), rng.uniform()
        evidence = {"misfit": misfit, "strange": strange, "share": share}
        likeness = 1 / (1 + np.exp(0.8 * misfit + 3 * strange - 2))
        kind = "photo" if place % 3 else "flat"
        result = outcome_of(kind, float(likeness), 0.5)
        outcomes.append(replace(result, details={"evidence": evidence}))
    model = fit(outcomes, ["misfit", "strange", "share"])
    assert model.intercept == pytest.approx(2, abs=0.2)
    assert model.weights["misfit"] == pytest.approx(0.8, abs=0.1)
    assert model.weights["strange"] == pytest.approx(3, abs=0.3)
    assert model.weights["share"] < 0.1
    rows, targets = rows_of(outcomes, ["misfit", "strange", "share"])
    limit, others = propose_threshold(model.estimate(rows), targets)
    assert 0 < limit < 1 and others == 0


@pytest.mark.parametrize("kind", ["rect", "lr"])
def test_photos_are_cut_as_their_masks_say(kind: str) -> None:
    # Photos lie in packages of the benchmarks alone; a generated picture is always there.
    sample = cut_photo("tile48x61", kind).make(1)
    assert (sample.geometry is not None) == (kind == "lr")
    assert np.array_equal(sample.known[sample.mask == 0], sample.truth[sample.mask == 0])
    assert 0 < np.count_nonzero(sample.mask) < sample.mask.size


def test_every_photo_has_every_kind_of_hole_and_one_extension() -> None:
    cases = list_photos(("tuned",))
    photos = Counter(case.name.rsplit(" ", 1)[0] for case in cases)
    assert {case.kind for case in cases} == {"photo"}
    assert set(photos.values()) == {len(HOLES) + 1}
