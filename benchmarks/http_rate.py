"""How many requests a second the API answers, with broker, server and client sharing the machine.

Run from the repository's root: `python -m benchmarks.http_rate [SECONDS]`. It starts a broker and
gunicorn with two workers. The client is several processes of plain sockets, because an HTTP library
would cost more than the server.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import httpx2
import psutil
from PIL import Image, ImageDraw

from tests.support.broker import running_broker
from tests.support.server import RunningServer, running_server

CLIENTS = 2
CONNECTIONS = 8


def main(seconds: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pj-bench-") as folder, running_broker() as broker:
        settings = {"PAINTJOB_HTTP_WORKERS": "2", "PAINTJOB_LOG_LEVEL": "WARNING"}
        with running_server(broker.url, Path(folder), **settings) as server:
            body, kind = build_form()
            files = {"content": body, "headers": {"Content-Type": kind}}
            job = httpx2.post(f"{server.url}/inpaint", **files).raise_for_status().json()  # type: ignore[arg-type]
            status = build_request("GET", job["links"]["self"])
            submit = build_request("POST", "/inpaint", body, kind)
            answer = httpx2.get(server.url + job["links"]["self"])
            known = f"If-None-Match: {answer.headers['ETag']}"
            report(f"GET {len(answer.content)} B job", server, status, seconds)
            unchanged = build_request("GET", job["links"]["self"], header=known)
            report("GET job, 304", server, unchanged, seconds)
            report(f"POST {len(body)} B form", server, submit, seconds)
            print(f"memory of one API process: {measure_memory(server):.0f} MiB")


def build_pictures() -> tuple[bytes, bytes]:
    """Return a JPEG of 512x512 pixels and about 50 kB, and a mask for it."""
    noise = Image.effect_noise((120, 120), 60)
    image = Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180))).resize((512, 512))
    mask = Image.new("L", (512, 512))
    ImageDraw.Draw(mask).ellipse((150, 150, 330, 350), fill=255)
    return _encode(image, "JPEG", quality=70), _encode(mask, "PNG")


def build_form() -> tuple[bytes, str]:
    """Return a form with a picture and its mask."""
    image, mask = build_pictures()
    files = {"image": ("image.jpg", image), "mask": ("mask.png", mask)}
    request = httpx2.Request("POST", "http://x/", files=files)
    return request.read(), request.headers["Content-Type"]


def _encode(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def build_request(
    method: str, path: str, body: bytes = b"", kind: str = "", header: str = ""
) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *([header] if header else [])]
    if body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def report(name: str, server: RunningServer, request: bytes, seconds: float) -> None:
    """Send one request again and again from all clients, and print what came of it."""
    before = measure_cpu(server)
    with multiprocessing.Pool(CLIENTS) as pool:
        arguments = [(server.port, request, seconds)] * CLIENTS
        times = [one for client in pool.starmap(drive, arguments) for one in client]
    times.sort()
    cpu = (measure_cpu(server) - before) / len(times)
    worst = times[len(times) * 99 // 100]
    print(
        f"{name}: {len(times) / seconds:.0f}/s over {CLIENTS * CONNECTIONS} connections, "
        f"median {statistics.median(times) * 1000:.1f} ms, p99 {worst * 1000:.1f} ms, "
        f"{cpu * 1000:.2f} ms of CPU each"
    )


def drive(port: int, request: bytes, seconds: float) -> list[float]:
    """Keep some connections busy; gives the seconds that each answer took."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    sent = [0.0] * CONNECTIONS
    times: list[float] = []
    for index, connection in enumerate(connections):
        sent[index] = time.perf_counter()
        connection.sendall(request)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for index, connection in enumerate(connections):
            read_answer(connection)
            now = time.perf_counter()
            times.append(now - sent[index])
            sent[index] = now
            connection.sendall(request)
    for connection in connections:
        connection.close()
    return times


def read_answer(connection: socket.socket) -> None:
    """Read one answer whole.

    Raises:
        ValueError: it is neither a success nor 304.
    """
    data = connection.recv(65_536)
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 304"):
        return
    if not head.startswith(b"HTTP/1.1 2"):
        raise ValueError(data[:500].decode())
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)


def measure_memory(server: RunningServer) -> float:
    """Return the largest resident size among the server's workers, in MiB."""
    workers = psutil.Process(server.process.pid).children()
    return max(float(worker.memory_info().rss) for worker in workers) / 2**20


def measure_cpu(server: RunningServer) -> float:
    """Return the CPU seconds that the server's workers have used; broker and client come on top."""
    times = [worker.cpu_times() for worker in psutil.Process(server.process.pid).children()]
    return float(sum(one.user + one.system for one in times))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
