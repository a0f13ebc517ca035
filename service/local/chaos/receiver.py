"""A receiver of webhooks that refuses a third of them, and notes what it has accepted."""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REFUSED_SHARE = 0.3


class Receiver:
    """A receiver of webhooks that refuses some, and records accepted ids by subject and status.

    Args:
        seed: of the refusals.
    """

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 # nosec - chooses refusals
        self._lock = threading.Lock()
        self.webhook_ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.url = ""

    def take(self, webhook_id: str, body: bytes) -> int:
        """Return the status that a webhook is answered with, and note an accepted one."""
        document = json.loads(body)
        with self._lock:
            if self._dice.random() < REFUSED_SHARE:
                return 503
            self.webhook_ids[document["id"], document["status"]].add(webhook_id)
        return 204


@contextmanager
def running_receiver(seed: int) -> Iterator[Receiver]:
    """Run a receiver on a free port of this machine until the block ends."""
    receiver = Receiver(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.take(self.headers["webhook-id"], body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Write nothing: a soak has a report of its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
