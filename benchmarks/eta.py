"""How far `queue.eta_seconds` is from the wait that follows.

Run from the repository's root: `python -m benchmarks.eta [JOBS] [WORKERS]`. It starts the whole
service, paints a few jobs to be measured, then sends many of mixed sizes at once, asks each for its
estimate at the time it was sent and compares with when a worker claimed it.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image, ImageDraw

from tests.support.broker import running_broker
from tests.support.server import ROOT, running_server

SIDES = (192, 256, 384, 512)
WARM_UP = 12
PATIENCE_SECONDS = 600


def main(jobs: int, workers: int) -> None:
    """Measure and print."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pj-bench-")))
        broker = stack.enter_context(running_broker())
        server = stack.enter_context(
            running_server(broker.url, folder, PAINTJOB_LOG_LEVEL="WARNING")
        )
        for _ in range(workers):
            stack.callback(_stop, _start_worker(broker.url, folder / "data"))
        client = stack.enter_context(httpx2.Client(base_url=server.url))
        _wait_for_workers(client, workers)
        chance = random.Random(1)
        _wait_ended(client, [_submit(client, chance) for _ in range(WARM_UP)])
        rows = _measure(client, jobs, chance)
        _print(rows)


def _measure(client: httpx2.Client, jobs: int, chance: random.Random) -> list[tuple[float, float]]:
    """Return (estimate, wait that followed) in seconds for each job, where both are known."""
    sent = [_submit(client, chance) for _ in range(jobs)]
    asked = [(client.get(job["links"]["self"]).json(), datetime.now(UTC)) for job in sent]
    ended = _wait_ended(client, sent)
    rows = []
    for (job, at), end in zip(asked, ended, strict=True):
        if job["queue"]["eta_seconds"] is not None:
            started = datetime.fromisoformat(end["started_at"])
            rows.append((job["queue"]["eta_seconds"], (started - at).total_seconds()))
    return rows


def _print(rows: list[tuple[float, float]]) -> None:
    print(f"{len(rows)} estimates; longest wait {max(wait for _, wait in rows):.1f} s")
    errors = [eta - wait for eta, wait in rows]
    print(f"median error {statistics.median(errors):+.2f} s, of the absolute error ", end="")
    absolute = sorted(map(abs, errors))
    print(f"{statistics.median(absolute):.2f} s, p90 {absolute[len(absolute) * 9 // 10]:.2f} s")
    far = sorted(eta / wait for eta, wait in rows if wait > 1)
    if far:
        low, middle, high = (far[len(far) * part // 10] for part in (1, 5, 9))
        print("estimate / wait, of waits over 1 s: ", end="")
        print(f"p10 {low:.2f}, median {middle:.2f}, p90 {high:.2f}")


def _submit(client: httpx2.Client, chance: random.Random) -> dict[str, Any]:
    side = chance.choice(SIDES)
    image = Image.effect_noise((side, side), 60).convert("RGB")
    mask = Image.new("L", (side, side))
    left, top = (chance.randrange(side // 2) for _ in range(2))
    ImageDraw.Draw(mask).ellipse((left, top, left + side // 4, top + side // 3), fill=255)
    files = {"image": ("i.png", _encode(image)), "mask": ("m.png", _encode(mask))}
    job: dict[str, Any] = client.post("/inpaint", files=files).raise_for_status().json()
    return job


def _encode(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _wait_ended(client: httpx2.Client, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ended = []
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    for job in jobs:
        while True:
            now = client.get(job["links"]["self"]).json()
            if now["status"] not in ("queued", "running"):
                break
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{now['id']} has not ended")
            time.sleep(0.1)
        ended.append(now)
    return ended


def _wait_for_workers(client: httpx2.Client, count: int) -> None:
    give_up_at = time.monotonic() + 60
    while client.get("/methods").json()["methods"][0]["workers_online"] < count:
        if time.monotonic() > give_up_at:
            raise TimeoutError("the workers did not come up")
        time.sleep(0.2)


def _start_worker(broker_url: str, data_dir: Path) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "PAINTJOB_REDIS_URL": broker_url,
        "PAINTJOB_DATA_DIR": str(data_dir),
        "PAINTJOB_LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT),
    }
    with (data_dir / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", "worker"]
        return subprocess.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=log)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(60)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    numbers = [int(text) for text in sys.argv[1:]]
    main(*(numbers + [60, 2][len(numbers) :]))
