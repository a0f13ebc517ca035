"""Requests a second of the service and of IOPaint 1.6.0, with the same fill, in one run.

`make bench-peers` prepares IOPaint's environment and runs it. One picture of 512 x 512 and its mask
are sent by eight clients to one service after the other, several rounds; a request ends when its
client has the painted picture's bytes. Broker, services and clients share the machine.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import os
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import psutil
from PIL import Image

from benchmarks.peers.load import TIMEOUT_SECONDS, Measured, Request, drive, fetch
from benchmarks.peers.telea import RADIUS
from tests.support.deployment import ROOT, running_up
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

SIDE = 512
HOLE = (300, 180, 380, 260)
READY_SECONDS = 300.0
PARTS = {"gunicorn": "API", "-m worker": "worker", "spawn_main": "horse", "valkey": "broker"}
"""By a word of its command line, the part of the service that a process is."""

ALL = "all"
PHOTO = ROOT / "demo" / "pictures" / "coffee.jpg"


@dataclass
class Contender:
    """One service with its request.

    Attributes:
        name: as the table calls it.
        port: on the loopback interface.
        process: the parent of all that it runs.
        request: what it is sent.
        runs: what came of each round.
        cpu_seconds: of its processes, a request, in each round, by part.
    """

    name: str
    port: int
    process: psutil.Process
    request: Request
    runs: list[Measured] = field(default_factory=list)
    cpu_seconds: list[dict[str, float]] = field(default_factory=list)

    def measure(self, clients: int, seconds: float) -> None:
        """Run one round."""
        before = self._cpu()
        measured = drive(self.port, self.request, clients, seconds)
        after, count = self._cpu(), len(measured.latencies)
        self.runs.append(measured)
        self.cpu_seconds.append({part: (after[part] - before[part]) / count for part in after})

    def cpu_milliseconds(self, part: str) -> float:
        """Return the median of the rounds."""
        return 1000 * statistics.median(seconds[part] for seconds in self.cpu_seconds)

    def _cpu(self) -> dict[str, float]:
        used = dict.fromkeys((*PARTS.values(), ALL), 0.0)
        for process in (self.process, *self.process.children(recursive=True)):
            seconds = sum(process.cpu_times()[:2])
            line = " ".join(process.cmdline())
            used[ALL] += seconds
            for word, part in PARTS.items():
                if word in line:
                    used[part] += seconds
        return used


def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    picture, mask = build_pictures()
    with ExitStack() as stack:
        contenders = [
            stack.enter_context(running_ours(name, engines, arguments.workers, picture, mask))
            for name, engines in (
                ("Paintjob, Telea", "benchmarks.peers.telea:build_engines"),
                ("Paintjob, patch", ""),
            )
        ]
        contenders.append(stack.enter_context(running_iopaint(arguments.python, picture, mask)))
        compare_kept(contenders, picture, mask)
        for contender in contenders:
            contender.measure(arguments.clients, 2.0)
            contender.runs.clear()
            contender.cpu_seconds.clear()
        for _ in range(arguments.rounds):
            for contender in contenders:
                contender.measure(arguments.clients, arguments.seconds)
    report(contenders, arguments)


def build_pictures() -> tuple[bytes, bytes]:
    """Return a photo and a mask as PNG."""
    with Image.open(PHOTO) as photo:
        picture = photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, HOLE)
    return _encode(picture), _encode(mask)


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def running_ours(
    name: str, engines: str, workers: int, picture: bytes, mask: bytes
) -> Iterator[Contender]:
    """Run `paintjob up` with an engine."""
    form = httpx2.Request(
        "POST",
        "http://x/",
        files={"image": ("a.png", picture), "mask": ("m.png", mask)},
        data={"method": "patch", "seed": "1"},
    )
    headers = {
        "Content-Type": form.headers["Content-Type"],
        "Prefer": "wait=60",
        "Accept": "image/png, application/json;q=0.5",
    }
    request = Request("/inpaint", form.read(), headers, is_job=True)
    settings = {"PAINTJOB_LOG_LEVEL": "WARNING", "PAINTJOB_HTTP_WORKERS": "1"}
    if engines:
        settings["PAINTJOB_ENGINES"] = engines
    environ = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    with running_up("--workers", str(workers), **settings, **environ) as up:
        port = httpx2.URL(up.url).port
        assert port is not None  # noqa: S101 - up prints it
        yield Contender(name, port, psutil.Process(up.process.pid), request)


@contextmanager
def running_iopaint(python: Path, picture: bytes, mask: bytes) -> Iterator[Contender]:
    """Run IOPaint's server with its model `cv2`."""
    document = {
        "image": base64.b64encode(picture).decode(),
        "mask": base64.b64encode(mask).decode(),
        "cv2_flag": "INPAINT_TELEA",
        "cv2_radius": RADIUS,
        "hd_strategy": "Original",
    }
    headers = {"Content-Type": "application/json"}
    request = Request("/api/v1/inpaint", json.dumps(document).encode(), headers, is_job=False)
    port = _find_free_port()
    script = Path(__file__).with_name("iopaint_server.py")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        [python, script, str(port)],
        env={**environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/api/v1/model")
        name = "IOPaint 1.6.0, cv2 (Telea)"
        yield Contender(name, port, psutil.Process(process.pid), request)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(url).is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.5)
    raise TimeoutError("IOPaint did not become ready; see benchmarks/peers/iopaint_server.py")


def compare_kept(contenders: list[Contender], picture: bytes, mask: bytes) -> None:
    """Check that each keeps what it must, and that the same fill gave the same hole."""
    before, hole = _decode(picture), np.asarray(Image.open(io.BytesIO(mask))) > 0
    holes = {}
    for contender in contenders:
        after = _decode(_fetch_one(contender))
        if (after[~hole] != before[~hole]).any():
            print(f"{contender.name} changed pixels that were to be kept")
        holes[contender.name] = after[hole].astype(int)
    first, _, last = holes.values()
    print(f"the two fills differ by {np.abs(first - last).max()} levels at most")


def _fetch_one(contender: Contender) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=TIMEOUT_SECONDS)
    try:
        return fetch(connection, contender.request)
    finally:
        connection.close()


def _decode(data: bytes) -> ImageArray:
    with Image.open(io.BytesIO(data)) as image:
        return to_uint8(np.asarray(image.convert("RGB")))


def report(contenders: list[Contender], arguments: argparse.Namespace) -> None:
    """Print the table; the ratios are medians of the rounds' own ratios."""
    peer = contenders[-1]
    print(f"{arguments.rounds} rounds of {arguments.seconds:g} s, {arguments.clients} clients")
    print("| service | requests/s | p50 ms | p95 ms | CPU ms a request | times IOPaint |")
    print("|---|---|---|---|---|---|")
    for contender in contenders:
        rates = [run.rate for run in contender.runs]
        against = statistics.median(
            rate / run.rate for rate, run in zip(rates, peer.runs, strict=True)
        )
        latencies = sorted(one for run in contender.runs for one in run.latencies)
        print(
            f"| {contender.name} | {statistics.median(rates):.1f} "
            f"| {1000 * latencies[len(latencies) // 2]:.0f} "
            f"| {1000 * latencies[len(latencies) * 95 // 100]:.0f} "
            f"| {contender.cpu_milliseconds(ALL):.0f} | {against:.1f} |"
        )
    for contender in contenders[:-1]:
        parts = [f"{part} {contender.cpu_milliseconds(part):.1f}" for part in PARTS.values()]
        print(f"{contender.name}, CPU ms: {', '.join(parts)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, default=Path(".venv-peers/bin/python"))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args())
