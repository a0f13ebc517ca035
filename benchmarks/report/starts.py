"""Warm against cold, and memory: imports, a whole deployment, its first job and later ones."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import Final

import httpx2
import psutil

from benchmarks.idle_latency import measure as measure_request
from benchmarks.job_cost import PARTS, build_pictures
from benchmarks.report.section import Section
from benchmarks.start_time import ENTRIES
from benchmarks.start_time import measure as measure_import
from benchmarks.support.plots import draw_stacks
from tests.support.deployment import RunningUp, running_up

WARM_JOBS, QUICK_WARM_JOBS = 30, 8
LARGE: Final = 2048
BLOCK: Final = 2**20


@dataclass
class Started:
    """What was seen of a deployment.

    Attributes:
        ready: seconds from its start until it says that it is.
        first: milliseconds from the first submission to its picture.
        warm: the same of later ones.
        beyond: of those, what lies beyond the paint.
        memory: MiB by part: idle, and after large pictures.
    """

    ready: float
    first: float
    warm: list[float]
    beyond: list[float]
    memory: dict[str, dict[str, float]] = field(default_factory=dict)


def measure_starts(*, quick: bool) -> list[Section]:
    """Start each program, then a deployment, and send it jobs one after the other."""
    imports = {
        entry: min(measure_import(entry) for _ in range(1 if quick else 3)) for entry in ENTRIES
    }
    started = run(QUICK_WARM_JOBS if quick else WARM_JOBS)
    return [render_starts(started, imports), render_memory(started)]


def run(jobs: int) -> Started:
    """Run a deployment, and send it a first job, further ones, and large ones."""
    picture, mask = build_pictures(512)
    large = build_pictures(LARGE)
    begun = time.perf_counter()
    with running_up(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive") as up:
        ready = time.perf_counter() - begun
        with httpx2.Client(base_url=up.url, timeout=120) as client:
            first, _ = measure_request(client, picture, mask)
            pairs = [measure_request(client, picture, mask) for _ in range(jobs)]
            warm, beyond = [total for total, _ in pairs], [total - paint for total, paint in pairs]
            started = Started(ready, first, warm, beyond)
            started.memory["idle, small jobs done"] = measure_memory(up)
            for _ in range(3):
                measure_request(client, *large)
            started.memory[f"after {LARGE} x {LARGE}"] = measure_memory(up)
    return started


def measure_memory(up: RunningUp) -> dict[str, float]:
    """Return MiB by part of a deployment; pages that processes share are counted once."""
    parent = psutil.Process(up.process.pid)
    found = {part.name: 0.0 for part in PARTS}
    for process in (parent, *parent.children(recursive=True)):
        line = " ".join(process.cmdline())
        part = next(part for part in PARTS if any(word in line for word in part.words))
        found[part.name] += _share(process) / BLOCK
    return found


def _share(process: psutil.Process) -> float:
    full = process.memory_full_info()
    return float(getattr(full, "pss", full.rss))


def render_starts(started: Started, imports: dict[str, tuple[float, float]]) -> Section:
    """Return the section of times."""
    warm = statistics.median(started.warm)
    beyond = statistics.median(started.beyond)
    return Section(
        "Warm against cold",
        "python -m benchmarks.start_time; python -m benchmarks.idle_latency",
        [
            f"The first job of a deployment takes {started.first / warm:.1f} times as long as a "
            f"later one; starting all of it takes {1000 * started.ready / warm:.0f} jobs' time.",
        ],
        [
            "| | |",
            "|---|--:|",
            f"| `paintjob up` until it is ready | {started.ready:.1f} s |",
            f"| first job, 512 x 512, from the request to the picture | {started.first:.0f} ms |",
            f"| later ones, median of {len(started.warm)} | {warm:.0f} ms |",
            f"| of that beyond the paint (goal 35) | {beyond:.0f} ms |",
            "",
            "| a fresh process imports | CPU s | MiB |",
            "|---|--:|--:|",
            *(
                f"| `{entry}` | {seconds:.2f} | {mebibytes:.0f} |"
                for entry, (seconds, mebibytes) in imports.items()
            ),
        ],
    )


def render_memory(started: Started) -> Section:
    """Return the section of memory."""
    idle, after = started.memory.values()
    return Section(
        "Memory",
        "python -m benchmarks.weightfree --only memory",
        [
            f"Large pictures leave {sum(after.values()) / sum(idle.values()):.2f} times the memory "
            f"of an idle deployment in use ({sum(idle.values()):.0f} MiB)."
        ],
        [
            "MiB of one deployment without models; what processes share is counted once.",
            "",
            "| part | " + " | ".join(started.memory) + " |",
            "|---|--:|--:|",
            *(f"| {name} | {value:.0f} | {after[name]:.0f} |" for name, value in idle.items()),
            f"| **all** | **{sum(idle.values()):.0f}** | **{sum(after.values()):.0f}** |",
        ],
        {"report-memory.svg": draw_stacks("Memory of a deployment", "MiB", started.memory)},
    )
