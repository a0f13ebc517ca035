"""What the engines are meant to reach, and whether they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.weightfree.cases import SIDE
from benchmarks.weightfree.summary import (
    Run,
    advantage,
    average,
    estimate_correlation,
    median_of,
    quotient,
    time_ratio,
)

OURS, BEST, SMEAR, MIRROR = "patch", "pypatchmatch-r3", "telea", "mirror"
PEERS = ("telea", "biharmonic", "pypatchmatch-r3", "pypatchmatch-r5", "patchmatch-cython")

Measure = Callable[[Run], float | None]


@dataclass(frozen=True)
class Goal:
    """A number to reach.

    Attributes:
        name: what is measured.
        low: the least that will do, none if there is no such bound.
        high: the most that will do.
        measure: gives the number, none where the run has no case for it.
        unit: behind the number.
    """

    name: str
    low: float | None
    high: float | None
    measure: Measure
    unit: str = ""


@dataclass(frozen=True)
class Verdict:
    """A goal with what was measured.

    Attributes:
        goal: the goal.
        value: measured, none where the run has no case for it.
        is_met: none where nothing was measured.
        remark: which cases miss it, where several are judged together.
    """

    goal: Goal
    value: float | None
    is_met: bool | None
    remark: str = ""

    @property
    def target(self) -> str:
        """The bounds in words."""
        goal = self.goal
        if goal.low is not None and goal.high is not None:
            return f"{goal.low:g} to {goal.high:g}{goal.unit}"
        return (
            f"≥ {goal.low:g}{goal.unit}" if goal.low is not None else f"≤ {goal.high:g}{goal.unit}"
        )


def judge(run: Run) -> list[Verdict]:
    """Judge a run by every goal."""
    verdicts = [_judge(goal, run) for goal in list_goals()]
    return [*_judge_masks(run), *verdicts]


def list_goals() -> list[Goal]:
    """Return the goals that are one number."""
    return [*_time_goals(), *_quality_goals(), *_outpaint_goals(), *_memory_goals()]


def _judge(goal: Goal, run: Run) -> Verdict:
    value = goal.measure(run)
    if value is None:
        return Verdict(goal, None, None)
    is_met = (goal.low is None or value >= goal.low) and (goal.high is None or value <= goal.high)
    return Verdict(goal, value, is_met)


def _time_goals() -> list[Goal]:
    def ratio(label: str, peer: str) -> Measure:
        return lambda run: time_ratio(run.section("time").label(label), OURS, peer)

    def seconds(label: str) -> Measure:
        return lambda run: median_of(run.section("time").label(label), OURS, "seconds")

    return [
        Goal("time, 512² blobs15 / pypatchmatch r=3", None, 0.45, ratio("512x512 blobs15", BEST)),
        Goal("time, 512² blobs15 / Telea", None, 8, ratio("512x512 blobs15", SMEAR)),
        Goal(
            "time, 1024² blobs15 / pypatchmatch r=3", None, 0.35, ratio("1024x1024 blobs15", BEST)
        ),
        Goal(
            "time, 2048² blobs15 / pypatchmatch r=3", None, 0.35, ratio("2048x2048 blobs15", BEST)
        ),
        Goal("time, 512² text / pypatchmatch r=3", None, 0.8, ratio("512x512 text", BEST)),
        Goal("time, 4K, one hole of 10k px", None, 0.4, seconds("3840x2160 hole:10000"), " s"),
        Goal("time, 4K, one hole of 100k px", None, 1.5, seconds("3840x2160 hole:100000"), " s"),
        Goal("time, 4K, one hole of 1M px", None, 10, seconds("3840x2160 hole:1000000"), " s"),
    ]


def _quality_goals() -> list[Goal]:
    def more(score: str) -> Measure:
        return lambda run: advantage(run.section("inpaint"), OURS, BEST, score)

    def per(score: str, peer: str) -> Measure:
        return lambda run: quotient(run.section("inpaint"), OURS, peer, score)

    def own(score: str) -> Measure:
        return lambda run: average(list(run.section("inpaint").of(OURS).values()), score)

    return [
        Goal("mean PSNR over pypatchmatch r=3", 0.6, None, more("psnr"), " dB"),
        Goal("mean MS-SSIM over pypatchmatch r=3", 0.03, None, more("ms_ssim")),
        Goal("mean SWD / pypatchmatch r=3", None, 0.75, per("swd", BEST)),
        Goal("mean SWD / Telea", None, 0.3, per("swd", SMEAR)),
        Goal("seam, median", 0.95, 1.05, own("seam")),
        Goal("sharpness, median", 0.9, 1.1, own("sharp")),
        Goal("rank correlation of estimate and SSIM, untuned pictures", 0.6, None, _correlation),
    ]


def _correlation(run: Run) -> float | None:
    return estimate_correlation(run.section("inpaint").role("untuned"))[0]


def _outpaint_goals() -> list[Goal]:
    def more(section: str, score: str, peer: str) -> Measure:
        return lambda run: advantage(run.section(section), outpainter_of(run), peer, score)

    def exact(run: Run) -> float | None:
        seconds = median_of(run.section("time").label("1024x1024 lr"), MIRROR, "seconds")
        return None if seconds is None else seconds * 1000

    def periodic(run: Run) -> float | None:
        at_512 = run.section("periodic").select(lambda result: result.case.side == SIDE)
        return median_of(at_512, outpainter_of(run), "seconds")

    return [
        Goal(
            "outpaint, MS-SSIM over pypatchmatch r=3", 0.09, None, more("outpaint", "ms_ssim", BEST)
        ),
        Goal(
            "outpaint, MS-SSIM over plain mirror", 0.17, None, more("outpaint", "ms_ssim", MIRROR)
        ),
        Goal(
            "periodic, PSNR over pypatchmatch r=3", 5, None, more("periodic", "psnr", BEST), " dB"
        ),
        Goal("periodic, time at 512²", None, 1.5, periodic, " s"),
        Goal("mirror exact, 1024²", None, 15, exact, " ms"),
    ]


def outpainter_of(run: Run) -> str:
    """Return what outpaints in this run: `pattern`, or `patch` where that is not there yet."""
    return "pattern" if "pattern" in run.values("method") else OURS


def _memory_goals() -> list[Goal]:
    def extra(label: str) -> Measure:
        return lambda run: median_of(run.section("memory").label(label), OURS, "extra_megabytes")

    return [
        Goal("extra memory, 2048² blobs15", None, 500, extra("2048x2048 blobs15"), " MB"),
        Goal(
            "extra memory, 4K, one hole of 1M px",
            None,
            1000,
            extra("3840x2160 hole:1000000"),
            " MB",
        ),
    ]


def _judge_masks(run: Run) -> list[Verdict]:
    """Judge every kind of mask against pypatchmatch, and against the best peer in each score."""
    painted = run.section("inpaint")
    if not painted.of(OURS):
        return []
    verdicts = []
    for name, peers in (("pypatchmatch r=3", (BEST,)), ("the best peer in each score", PEERS)):
        below = find_masks_below(painted, peers)
        goal = Goal(f"kinds of mask below {name} in PSNR, MS-SSIM or SWD", None, 0, lambda _: None)
        verdicts.append(Verdict(goal, len({mask for mask, _ in below}), not below, _tell(below)))
    return verdicts


def find_masks_below(run: Run, peers: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the pairs of mask and score in which ours has a worse mean than any of the peers."""
    below = []
    for mask in run.values("mask"):
        for score, sign in (("psnr", 1), ("ms_ssim", 1), ("swd", -1)):
            gaps = [advantage(run.mask(mask), OURS, peer, score) for peer in peers]
            if any(gap is not None and sign * gap < 0 for gap in gaps):
                below.append((mask, score))
    return below


def _tell(below: list[tuple[str, str]]) -> str:
    return ", ".join(f"{mask} {score}" for mask, score in below)
