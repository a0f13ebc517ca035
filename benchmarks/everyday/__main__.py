"""The command line: `python -m benchmarks.everyday [--seeds 1 2 3]`.

Ends with status 1 when one of our results misses a goal.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.everyday.cases import CASES
from benchmarks.everyday.estimates import calibrate_all
from benchmarks.everyday.painting import Method, list_methods
from benchmarks.everyday.photos import list_photos
from benchmarks.everyday.run import Outcome, Painted, paint_case
from benchmarks.everyday.sample import KINDS
from benchmarks.everyday.sheets import write_sheets
from benchmarks.everyday.tables import judge_run, write_tables

SEED = 1
PHOTO_METHODS = ("patch", "pattern")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.everyday")
    parser.add_argument("--seeds", nargs="+", type=int, default=[SEED], help="of the samples")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="kinds")
    parser.add_argument("--cases", nargs="+", help="names of cases, all by default")
    parser.add_argument("--methods", nargs="+", help="names of methods, all by default")
    parser.add_argument("--no-photos", action="store_true", help="leave out photos with holes")
    parser.add_argument("--out", type=Path, help="folder for tables and sheets")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the tables and write them; returns the exit status."""
    # Threads of OpenMP that spin while they wait take the cores from the method that is measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = parse_arguments(arguments)
    out = options.out or Path(tempfile.mkdtemp(prefix="everyday-"))
    out.mkdir(parents=True, exist_ok=True)
    methods = _choose(options.methods)
    _warm_up(methods)
    begun, outcomes, files = time.perf_counter(), [], []
    for place, seed in enumerate(options.seeds):
        found, shown = paint_seed(options, seed, methods)
        outcomes += found
        if place == 0:
            files = write_sheets(shown, out)
        # After every seed: a long run that is stopped has told what it found so far.
        minutes = round((time.perf_counter() - begun) / 60, 1)
        told = " ".join(map(str, options.seeds[: place + 1]))
        markdown = write_tables(outcomes, out, {"seeds": told, "minutes": minutes})
    print("\n" + markdown)
    for file in [out / "everyday.json", out / "everyday.md", *files]:
        print(file)
    return 0 if is_met(outcomes) else 1


def paint_seed(
    options: argparse.Namespace, seed: int, methods: Sequence[Method]
) -> tuple[list[Outcome], list[Painted]]:
    """Paint every chosen case of a seed; return the results, and the pictures for the sheets."""
    chosen = [
        case
        for case in CASES
        if case.kind in options.only and (not options.cases or case.name in options.cases)
    ]
    shown = []
    for case in chosen:
        shown.append(paint_case(case, seed, methods))
        _report(shown[-1])
    outcomes = [outcome for one in shown for outcome in one.outcomes.values()]
    if not (options.no_photos or options.cases):
        outcomes += paint_photos(seed, methods)
    return outcomes, shown


def paint_photos(seed: int, methods: Sequence[Method]) -> list[Outcome]:
    """Paint photos with holes by our methods: what estimates are judged on too."""
    chosen = [one for one in methods if one.name in PHOTO_METHODS]
    painted = [paint_case(case, seed, chosen) for case in list_photos()]
    return [outcome for one in painted for outcome in one.outcomes.values()]


def is_met(outcomes: Sequence[Outcome]) -> bool:
    """Whether our methods paint without a failure and keep all goals, and estimates are right."""
    failed = any(one.is_ours and one.error for one in outcomes)
    judged = [one for one in calibrate_all(outcomes) if one.name == "all"]
    kept = all(verdict.is_met(outcomes) for verdict in judge_run(outcomes))
    return not failed and kept and all(one.is_met for one in judged)


def _choose(names: Sequence[str] | None) -> list[Method]:
    return [one for one in list_methods() if names is None or one.name in names]


def _warm_up(methods: Sequence[Method]) -> None:
    """Let every method paint once: what is imported or compiled then is not on the clock."""
    for name in ("forbidden dots", "sky to the right"):
        paint_case(next(case for case in CASES if case.name == name), 0, methods)


def _report(painted: Painted) -> None:
    words = []
    for name, one in painted.outcomes.items():
        word = one.error or ("right" if one.is_right else "WRONG")
        told = "" if one.estimate is None else f" estimate {one.estimate:.2f}"
        words.append(f"{name} {word} {one.ms_ssim:.3f}{told}")
    case = painted.case
    print(f"{case.kind}: {case.name}, seed {painted.seed}: {'; '.join(words)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
