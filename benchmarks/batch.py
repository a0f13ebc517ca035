"""A batch of 1,000 pictures of 50 kB: handed in, painted, and fetched as one zip.

Run from the repository's root: `python -m benchmarks.batch [ITEMS]`. It starts a broker, gunicorn
and two workers with the real engines. Goals: handed in within 20 s, every item ended, and no API
process grown by 60 MiB while the zip is sent.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import httpx2
import psutil

from benchmarks.http_rate import build_pictures
from tests.support.broker import running_broker
from tests.support.server import RunningServer, running_server
from tests.support.stack import running_stack

WORKERS = 2
BOX = [200, 200, 240, 240]


def main(items: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pj-bench-") as name, running_broker() as broker:
        folder = Path(name)
        engines = {"PAINTJOB_ENGINES": "worker.engines.registry:build_engines"}
        settings = {"PAINTJOB_HTTP_WORKERS": "2", "PAINTJOB_LOG_LEVEL": "WARNING"}
        with (
            running_stack(broker.url, folder / "data", environ=engines) as stack,
            running_server(broker.url, folder, **settings) as server,
        ):
            for _ in range(WORKERS):
                stack.start_worker()
            cpu = _read_cpu(server)
            batch = _hand_in(server.url, items)
            print(f"the API spent {_read_cpu(server) - cpu:.1f} s of CPU on that")
            _wait(server.url, batch)
            _fetch(server, batch, folder / "results.zip")


def _hand_in(url: str, items: int) -> str:
    image, _ = build_pictures()
    rows = [
        {
            "operation": "inpaint",
            "image": {"part": f"image-{number}"},
            "regions": [{"box": BOX}],
            "quality": "fast",
            "output_format": "png",
        }
        for number in range(items)
    ]
    files = {f"image-{number}": ("image.jpg", image) for number in range(items)}
    started = time.perf_counter()
    data = {"batch": json.dumps({"items": rows})}
    answer = httpx2.post(f"{url}/batches", data=data, files=files, timeout=300).raise_for_status()
    seconds = time.perf_counter() - started
    size = int(answer.request.headers["Content-Length"]) / 1e6
    print(f"handed in {items} items, {size:.0f} MB, in {seconds:.1f} s (goal 20)")
    link: str = answer.json()["links"]["self"]
    return link


def _wait(url: str, batch: str) -> None:
    started = time.perf_counter()
    while (document := httpx2.get(url + batch).json())["status"] != "ended":
        time.sleep(0.5)
    seconds = time.perf_counter() - started
    print(f"all ended after {seconds:.0f} s more with {WORKERS} workers: {document['counts']}")


def _fetch(server: RunningServer, batch: str, target: Path) -> None:
    before = _read_memory(server)
    peaks = dict(before)
    url = f"{server.url}{batch}/results.zip"
    with httpx2.stream("GET", url, timeout=300) as answer, target.open("wb") as file:
        for number, piece in enumerate(answer.iter_bytes(1_000_000)):
            file.write(piece)
            if number % 4 == 0:
                now = _read_memory(server)
                peaks = {pid: max(peaks[pid], now[pid]) for pid in peaks}
    with zipfile.ZipFile(target) as archive:
        names = len(archive.namelist())
    size = target.stat().st_size / 1e6
    grown = max(peaks[pid] - before[pid] for pid in peaks)
    print(
        f"zip of {names} files, {size:.0f} MB; highest memory of an API process "
        f"{max(peaks.values()):.0f} MiB, {grown:.0f} MiB of them for the zip"
    )


def _read_memory(server: RunningServer) -> dict[int, float]:
    """Return the resident memory of each API process in MiB."""
    children = psutil.Process(server.process.pid).children()
    return {child.pid: child.memory_info().rss / 2**20 for child in children}


def _read_cpu(server: RunningServer) -> float:
    """Return the CPU seconds of all API processes: on a loaded machine the clock tells little."""
    times = [child.cpu_times() for child in psutil.Process(server.process.pid).children()]
    return sum(spent.user + spent.system for spent in times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
