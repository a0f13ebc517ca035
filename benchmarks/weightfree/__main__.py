"""The command line: `python -m benchmarks.weightfree [--quick | --full]`.

On two cores `--quick` takes two to three minutes; the others are for a machine that is left alone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.weightfree.cases import SECTIONS, Case, Depth, list_cases, role_of
from benchmarks.weightfree.memory import list_methods, measure_memory
from benchmarks.weightfree.peers import METHODS
from benchmarks.weightfree.run import Painted, Result, paint_case, warm_up
from benchmarks.weightfree.sheets import write_sheets
from benchmarks.weightfree.summary import Run
from benchmarks.weightfree.tables import write_tables

# The other two qualities are three more paintings a case: they are asked for by name.
DEFAULT_METHODS = [name for name in METHODS if name not in ("patch-fast", "patch-best")]
SLOW_METHODS = ("pypatchmatch-r5", "patchmatch-cython")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.weightfree")
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true", help="few small cases, under 3 minutes")
    depth.add_argument("--full", action="store_true", help="with 2048² and 4K pictures")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), help="all by default")
    parser.add_argument(
        "--role", choices=["tuned", "known", "untuned"], help="pictures of one role"
    )
    parser.add_argument("--masks", nargs="+", help="kinds of mask, all by default")
    parser.add_argument("--repeats", type=int, help="of the cases on the clock")
    parser.add_argument("--out", type=Path, help="folder for tables and sheets")
    options = parser.parse_args(arguments)
    methods = [name for name in DEFAULT_METHODS if not options.quick or name not in SLOW_METHODS]
    options.methods = options.methods or methods
    options.repeats = options.repeats or (1 if options.quick else 3)
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print the tables and write them."""
    # Threads of OpenMP that spin while they wait take the cores from the method that is measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = parse_arguments(arguments)
    depth: Depth = "quick" if options.quick else "full" if options.full else "normal"
    out = options.out or Path(tempfile.mkdtemp(prefix="weightfree-"))
    out.mkdir(parents=True, exist_ok=True)
    setting: dict[str, object] = {"depth": depth, "repeats": options.repeats}
    setting["load before"] = _load()
    begun = time.perf_counter()
    results, shown = run_all(options, depth)
    setting |= {"load after": _load(), "minutes": round((time.perf_counter() - begun) / 60, 1)}
    print("\n" + write_tables(Run(results), out, setting))
    for file in [out / "weightfree.json", out / "weightfree.md", *write_sheets(shown, out)]:
        print(file)


def run_all(options: argparse.Namespace, depth: Depth) -> tuple[list[Result], list[Painted]]:
    """Paint every chosen case; gives the results, and the pictures of those that are shown."""
    warm_up(options.methods)
    results: list[Result] = []
    shown: list[Painted] = []
    for section in options.only:
        for case in list_cases(section, depth):
            if _is_left_out(case, options):
                continue
            if section == "memory":
                results += [measure_memory(case, n) for n in list_methods(case, options.methods)]
                continue
            painted = paint_case(case, options.methods, options.repeats if section == "time" else 1)
            results += painted.results.values()
            _tell(painted)
            if case.has_sheet:
                shown.append(painted)
    return results, shown


def _load() -> str:
    """Return the machine's load over 1, 5 and 15 minutes: above the cores, seconds say little."""
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def _is_left_out(case: Case, options: argparse.Namespace) -> bool:
    if options.masks is not None and case.mask not in options.masks:
        return True
    return options.role is not None and role_of(case) != options.role


def _tell(painted: Painted) -> None:
    words = [f"{name} {result.error or _brief(result)}" for name, result in painted.results.items()]
    case = painted.case
    print(f"{case.section} {case.picture} {case.label}: {'; '.join(words)}", flush=True)


def _brief(result: Result) -> str:
    told = f"{result.seconds:.2f} s"
    if result.scores:
        told += f" {result.scores.psnr:.1f}/{result.scores.ms_ssim:.3f}/{result.scores.swd:.1f}"
    return told


if __name__ == "__main__":
    main()
