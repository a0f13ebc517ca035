"""Measures the cost of a job: every millisecond of CPU, by process and by stage.

Run from the repository's root: `python -m benchmarks.job_cost [JOBS] [--output FILE]`. It starts a
deployment, sends a photo with a hole to `patch`, fetches every result, and divides the CPU time of
each process by the number of jobs. Inside a Python process the time is shared out by samples of its
stacks (`benchmarks/profiling`); what the broker takes for each command is what it counts itself.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import redis
from PIL import Image

from benchmarks import profiling
from benchmarks.profiling.stages import API, PAINTING, WORKER, Rules, read_places, share_out
from tests.support.deployment import ROOT, RunningUp, running_up

GOALS = {512: 28.0, 2048: 200.0}
"""By the side of the picture in pixels, milliseconds of CPU beside the paint."""

HOLES = {512: (300, 180, 380, 260), 2048: (1200, 720, 1280, 800)}
LEAST_SHOWN = 0.05
"""Milliseconds; stages below it go together."""

PHOTO = Path(__file__).parents[1] / "demo" / "pictures" / "coffee.jpg"


@dataclass(frozen=True)
class Part:
    """Processes that the table names together.

    Attributes:
        name: as the table has it.
        words: one of them is in their command lines.
        rules: which stages their samples belong to.
    """

    name: str
    words: tuple[str, ...]
    rules: Rules = ()


PARTS = (
    Part("painting process", ("spawn_main",), PAINTING),
    Part("worker's parent", ("-m worker",), WORKER),
    Part("API", ("gunicorn",), API),
    Part("broker", ("valkey", "redis-server")),
    Part("courier", ("service.courier",)),
    Part("up and others", ("",)),
)


@dataclass(frozen=True)
class Used:
    """CPU used so far.

    Attributes:
        seconds: of CPU, by part.
        places: seconds by place, by part.
        commands: microseconds of the broker, by command.
    """

    seconds: dict[str, float]
    places: dict[str, dict[str, float]]
    commands: dict[str, float]


def main(arguments: argparse.Namespace) -> None:
    """Measure and print, or write."""
    with tempfile.TemporaryDirectory(prefix="pj-samples-") as folder:
        lines = render(measure(Path(folder), arguments.jobs))
    text = "\n".join(lines) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text)


Columns = dict[int, dict[tuple[str, str], float]]
"""Milliseconds of CPU a job, by part and stage, for each side of the picture."""


def measure(folder: Path, jobs: int) -> Columns:
    """Return what a job costs.

    Args:
        folder: an empty one, for samples of stacks.
        jobs: with the smallest picture; fewer with larger ones.
    """
    path = os.pathsep.join((str(ROOT), profiling.__path__[0]))
    environ = {"PYTHONPATH": path, "STACK_SAMPLES": str(folder), "OMP_WAIT_POLICY": "passive"}
    columns: Columns = {}
    with running_up(PAINTJOB_LOG_LEVEL="WARNING", OMP_NUM_THREADS="1", **environ) as up:
        for side in GOALS:
            picture, mask = build_pictures(side)
            run_jobs(up, picture, mask, 3)
            count = max(jobs * 512 // side, 5)
            before = look(up, folder)
            run_jobs(up, picture, mask, count)
            columns[side] = attribute(before, look(up, folder), count)
    return columns


def build_pictures(side: int) -> tuple[bytes, bytes]:
    """Return a photo as PNG and a mask with a hole of 80 x 80 pixels."""
    with Image.open(PHOTO) as photo:
        picture = photo.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    mask = Image.new("L", (side, side))
    mask.paste(255, HOLES[side])
    return _encode(picture), _encode(mask)


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def run_jobs(up: RunningUp, picture: bytes, mask: bytes, count: int) -> None:
    """Submit jobs, wait for all of them, and fetch their results."""
    form = {"method": "patch", "seed": "1"}
    with httpx2.Client(base_url=up.url, timeout=60) as client:
        links = []
        for _ in range(count):
            files = {"image": ("image.png", picture), "mask": ("mask.png", mask)}
            answer = client.post("/inpaint", data=form, files=files).raise_for_status()
            links.append(answer.json()["links"]["self"])
        for link in links:
            while (job := client.get(link).json())["status"] in ("queued", "running"):
                time.sleep(0.25)
            if job["status"] != "succeeded" or job["outputs"][0]["proof"]["kept_pixels_changed"]:
                raise RuntimeError(f"a job ended {job['status']}: {job['error']}")
            client.get(job["links"]["result"]).raise_for_status()


def look(up: RunningUp, folder: Path) -> Used:
    """Return what a deployment has used so far."""
    parent = psutil.Process(up.process.pid)
    seconds = {part.name: 0.0 for part in PARTS}
    pids: dict[str, list[int]] = {part.name: [] for part in PARTS}
    for process in (parent, *parent.children(recursive=True)):
        line = " ".join(process.cmdline())
        part = next(part for part in PARTS if any(word in line for word in part.words))
        seconds[part.name] += sum(process.cpu_times()[:2])
        pids[part.name].append(process.pid)
    places = {name: read_places(folder, found) for name, found in pids.items()}
    return Used(seconds, places, _read_commands(up))


def _read_commands(up: RunningUp) -> dict[str, float]:
    url = (up.data_dir / "broker" / "url").read_text().strip()
    with redis.Redis.from_url(url) as broker:
        stats: dict[str, Any] = broker.info("commandstats")
    return {name.removeprefix("cmdstat_"): float(found["usec"]) for name, found in stats.items()}


def attribute(before: Used, after: Used, count: int) -> dict[tuple[str, str], float]:
    """Return milliseconds a job, by part and stage."""
    found: dict[tuple[str, str], float] = {}
    for part in PARTS:
        total = 1000 * (after.seconds[part.name] - before.seconds[part.name]) / count
        places = _subtract(after.places[part.name], before.places[part.name])
        stages = share_out(places, part.rules, total)
        if part.name == "broker":
            stages = _split_broker(_subtract(after.commands, before.commands), total, count)
        elif not part.rules:
            stages = {"": sum(stages.values())}
        found |= {(part.name, stage): value for stage, value in stages.items()}
    return found


def _split_broker(commands: Mapping[str, float], total: float, count: int) -> dict[str, float]:
    # The commands that scripts call are counted too, and are part of them.
    scripts = commands.get("evalsha", 0.0) / 1000 / count
    return {"scripts": scripts, "commands, sockets, file": total - scripts}


def _subtract(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def render(columns: Mapping[int, Mapping[tuple[str, str], float]]) -> list[str]:
    """Return the table, and what it says beside the goals."""
    head = " | ".join(f"{side}²" for side in columns)
    lines = [f"| part | stage | {head} |", "|---|---|" + "---|" * len(columns)]
    for part in PARTS:
        sums = [_sum(found, part.name) for found in columns.values()]
        lines.append(f"| **{part.name}** | | {_join(sums, '**')} |")
        stages = {stage for found in columns.values() for name, stage in found if name == part.name}
        rows = {
            stage: [found.get((part.name, stage), 0.0) for found in columns.values()]
            for stage in stages - {""}
        }
        shown = {stage: row for stage, row in rows.items() if max(row) >= LEAST_SHOWN}
        for stage, row in sorted(shown.items(), key=lambda item: -item[1][0]):
            lines.append(f"| | {stage} | {_join(row)} |")
    totals = [sum(found.values()) for found in columns.values()]
    paints = [_sum(found, PARTS[0].name, "paint") for found in columns.values()]
    beside = [total - paint for total, paint in zip(totals, paints, strict=True)]
    lines.append(f"| **all** | | {_join(totals, '**')} |")
    goals = ", ".join(f"{goal:g}" for goal in GOALS.values())
    lines.append(f"| **beside the paint** | goals: {goals} | {_join(beside, '**')} |")
    return lines


def _sum(found: Mapping[tuple[str, str], float], part: str, start: str = "") -> float:
    return sum(
        value for (name, stage), value in found.items() if name == part and stage.startswith(start)
    )


def _join(values: list[float], mark: str = "") -> str:
    return " | ".join(f"{mark}{value:.1f}{mark}" for value in values)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int, nargs="?", default=40)
    parser.add_argument("--output", type=Path)
    main(parser.parse_args())
