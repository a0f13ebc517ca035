"""What a job costs beside its paint: CPU time of API and worker for decoding, proof, records, HTTP.

Run from the repository's root: `python -m benchmarks.job_cost [JOBS]`. It starts a deployment,
sends a photo with a mask of a few pixels to `patch`, fetches every result, and divides the CPU time
of the API's and the worker's processes by the number of jobs. What `patch` itself takes for such a
hole is measured in this process and taken off.
"""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

import httpx2
import numpy as np
import psutil
from PIL import Image

from service.contract.params import InpaintParams
from tests.support.deployment import RunningUp, running_up
from worker.engines.base import Canvas
from worker.engines.patch import PatchEngine

SIDES = {512: 45.0, 2048: 450.0}
"""Side of the picture in pixels, and the goal in milliseconds of CPU time."""

HOLE = (200, 200, 216, 216)
PHOTO = Path(__file__).parents[1] / "demo" / "pictures" / "coffee.jpg"


def main(jobs: int) -> None:
    """Measure and print."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with running_up(PAINTJOB_LOG_LEVEL="WARNING", OMP_WAIT_POLICY="passive") as up:
        for side, goal in SIDES.items():
            picture, mask = build_pictures(side)
            run_jobs(up, picture, mask, 3)
            count = max(jobs * 512 // side, 5)
            before = cpu_by_part(up)
            run_jobs(up, picture, mask, count)
            after = cpu_by_part(up)
            parts = {name: (after[name] - before[name]) / count * 1000 for name in after}
            paint = measure_paint(picture, mask)
            beside = sum(parts.values()) - paint
            shown = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
            print(
                f"{side}²: {beside:.1f} ms of CPU a job beside the paint (goal {goal:.0f}); "
                f"in all {shown}, of which paint {paint:.1f}; {count} jobs"
            )


def build_pictures(side: int) -> tuple[bytes, bytes]:
    """Return a photo as PNG and a mask of a few pixels."""
    with Image.open(PHOTO) as photo:
        picture = photo.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    mask = Image.new("L", (side, side))
    mask.paste(255, HOLE)
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


def cpu_by_part(up: RunningUp) -> dict[str, float]:
    """Return the CPU seconds that API and worker have used so far."""
    return {name: sum(map(_cpu, up.find_children(word))) for name, word in _WORDS.items()}


_WORDS = {"API": "gunicorn", "worker": "-m worker"}


def _cpu(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def measure_paint(picture: bytes, mask: bytes, repeats: int = 5) -> float:
    """Return the CPU milliseconds that the paint alone takes, warm."""
    image, hole = (np.asarray(Image.open(io.BytesIO(data))) for data in (picture, mask))
    canvas = Canvas(image, hole, InpaintParams(quality="balanced"), seed=1)
    engine = PatchEngine()
    engine.load()
    engine.paint([canvas], lambda step, steps: None)
    started = time.process_time()
    for _ in range(repeats):
        engine.paint([canvas], lambda step, steps: None)
    return (time.process_time() - started) / repeats * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
