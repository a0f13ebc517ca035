"""CPU that metrics and traces cost each request: the API with both against the API without.

Two servers, one with metrics and with traces exported to a receiver, one without both, are asked in
alternating rounds; a round's ratio compares CPU times of the same minute. Polls carry no trace
context, so they are measured as clients send them: counted, not traced.

    python -m benchmarks.observability
    python -m benchmarks.observability --share 1
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
from PIL import Image

from service.contract.settings import SharedSettings
from tests.support.broker import running_broker
from tests.support.server import RunningServer, running_server

ROUNDS = 10
POSTS = 150
GETS = 500
BOUNDARY = "benchmark"
QUIET = {
    "PAINTJOB_HTTP_WORKERS": "1",
    "PAINTJOB_WORKER_ABSENCE_SECONDS": "0",
    "PAINTJOB_TENANT_STORED_JOBS": "0",
}


def _make_body() -> bytes:
    """Build the form of a photo of 512 x 512 pixels with a mask."""
    image, mask = io.BytesIO(), io.BytesIO()
    Image.effect_noise((512, 512), 40).convert("RGB").save(image, "JPEG", quality=60)
    hole = Image.new("L", (512, 512))
    hole.paste(255, (100, 100, 200, 200))
    hole.save(mask, "PNG")
    parts = {
        'name="image"; filename="a.jpg"': image.getvalue(),
        'name="mask"; filename="m.png"': mask.getvalue(),
        'name="method"': b"patch",
    }
    lines = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        for head, data in parts.items()
    ]
    return b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()


class Client:
    """A client of one server, which also reads the CPU time of the server's processes."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self._process = psutil.Process(server.process.pid)
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Send a request, on a new connection if the last was closed."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, path, body or None, headers)
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()
            return self.ask(method, path, body, **headers)
        self.etag = answer.getheader("ETag", "")
        return answer.status, answer.read()

    def post(self, body: bytes) -> str:
        """Submit a job, and return its id."""
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        status, answer = self.ask("POST", "/inpaint", body, Content_Type=kind)
        if status != 202:
            raise RuntimeError(answer.decode())
        job_id: str = json.loads(answer)["id"]
        return job_id

    def measure(self, call: Callable[[], object], times: int) -> float:
        """Return the server's milliseconds of CPU for one call."""
        before = self._cpu_seconds()
        for _ in range(times):
            call()
        return (self._cpu_seconds() - before) / times * 1000

    def _cpu_seconds(self) -> float:
        found = [self._process, *self._process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in found)


@contextmanager
def running_collector() -> Iterator[str]:
    """Yield the URL of a receiver that accepts every export."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def main() -> None:
    """Measure, and print the median ratio of each kind of request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--share", type=float, default=SharedSettings().trace_share, help="of traces exported"
    )
    options = parser.parse_args()
    body = _make_body()
    with ExitStack() as stack:
        collector = stack.enter_context(running_collector())
        seen = {
            "PAINTJOB_METRICS_PORT": "0",
            "PAINTJOB_OTLP_URL": collector,
            "PAINTJOB_TRACE_SHARE": str(options.share),
        }
        clients = {}
        for name, settings in (("off", {}), ("on", seen)):
            broker = stack.enter_context(running_broker())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(running_server(broker.url, folder, **QUIET, **settings))
            clients[name] = Client(server)
        _report(clients, body, options.rounds)


def _report(clients: dict[str, Client], body: bytes, rounds: int) -> None:
    jobs = {name: [client.post(body) for _ in range(40)][-1] for name, client in clients.items()}
    spent: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds):
        for name in list(clients) if number % 2 else reversed(list(clients)):
            client, path = clients[name], f"/jobs/{jobs[name]}"
            client.ask("GET", path)
            etag = client.etag
            calls: dict[str, tuple[Callable[[], object], int]] = {
                "POST /inpaint": (partial(client.post, body), POSTS),
                "GET /jobs/{id}": (partial(client.ask, "GET", path), GETS),
                "the same, 304": (partial(client.ask, "GET", path, If_None_Match=etag), GETS),
            }
            for kind, (call, times) in calls.items():
                milliseconds = client.measure(call, times)
                spent.setdefault(kind, {}).setdefault(name, []).append(milliseconds)
    print(f"{'request':<16}{'off ms':>8}{'on ms':>8}{'median ratio':>14}")
    for kind, by_name in spent.items():
        ratios = [on / off for on, off in zip(by_name["on"], by_name["off"], strict=True)]
        off, on = (statistics.median(by_name[name]) for name in ("off", "on"))
        print(f"{kind:<16}{off:>8.3f}{on:>8.3f}{statistics.median(ratios):>14.3f}")


if __name__ == "__main__":
    main()
