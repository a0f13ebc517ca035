"""Whether calls take longer with ten thousand waiting jobs than with none.

Run from the repository's root: `python -m benchmarks.queue_depth [DEPTH] [CALLS]`. Two services run
side by side, one with an empty queue and one with a full one, and each call goes to both in turn:
what else the machine does then meets both alike. It prints the medians, and what matters: their
ratio.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx2

from benchmarks.http_rate import build_form
from service.contract.params import InpaintParams
from service.store import connect
from tests.support.broker import running_broker
from tests.support.records import make_spec, submit
from tests.support.server import running_server

TAGS = 50


class Service:
    """One service with some jobs waiting.

    Args:
        url: where it is.
        broker_url: its broker.
        depth: how many jobs are to wait.
    """

    def __init__(self, url: str, broker_url: str, depth: int) -> None:
        self.http = httpx2.Client(base_url=url)
        store = connect(broker_url)
        before = int(store.redis.info("memory")["used_memory"])
        for number in range(depth):
            params = InpaintParams(method="patch", seed=1, tags=[f"tag{number % TAGS}"])
            submit(store, make_spec(params=params))
        after = int(store.redis.info("memory")["used_memory"])
        self.bytes_each = (after - before) / depth if depth else 0.0
        store.redis.close()
        self.body, self.kind = build_form()
        self.jobs: list[str] = []

    def submit(self) -> None:
        """Submit a job."""
        headers = {"Content-Type": self.kind}
        answer = self.http.post("/inpaint", content=self.body, headers=headers)
        self.jobs.append(answer.raise_for_status().json()["links"]["self"])

    def look(self) -> None:
        """Ask how the last job stands: the one with the most jobs ahead of it."""
        self.http.get(self.jobs[-1]).raise_for_status()

    def list(self) -> None:
        """Ask for a page of jobs."""
        self.http.get("/jobs?limit=20").raise_for_status()

    def list_some(self) -> None:
        """Ask for a page of waiting jobs with one tag."""
        self.http.get("/jobs?limit=20&tag=tag7&status=queued").raise_for_status()

    def cancel(self) -> None:
        """Cancel the last job."""
        self.http.post(f"{self.jobs.pop()}/cancel").raise_for_status()


CALLS: dict[str, Callable[[Service], None]] = {
    "submit": Service.submit,
    "status": Service.look,
    "list": Service.list,
    "list by tag": Service.list_some,
    "cancel": Service.cancel,
}


def main(depth: int, calls: int) -> None:
    """Measure and print."""
    with ExitStack() as stack:
        services = [_start(stack, count) for count in (0, depth)]
        print(
            f"{depth} jobs waiting take {services[1].bytes_each / 1000:.1f} kB each in the broker"
        )
        print(f"{'call':<14}{'empty ms':>10}{'full ms':>10}{'ratio':>8}")
        # A page of the empty one holds as many jobs as one of the full one, once some were sent.
        for name, call in CALLS.items():
            medians = measure(services, call, calls)
            print(
                f"{name:<14}{medians[0]:>10.2f}{medians[1]:>10.2f}{medians[1] / medians[0]:>8.2f}"
            )


def measure(services: list[Service], call: Callable[[Service], None], calls: int) -> list[float]:
    """Call both in turn; gives the median milliseconds of each."""
    times: list[list[float]] = [[] for _ in services]
    for _ in range(calls):
        for service, taken in zip(services, times, strict=True):
            started = time.perf_counter()
            call(service)
            taken.append((time.perf_counter() - started) * 1000)
    return [statistics.median(taken) for taken in times]


def _start(stack: ExitStack, depth: int) -> Service:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pj-bench-")))
    broker = stack.enter_context(running_broker())
    settings = {"PAINTJOB_HTTP_WORKERS": "1", "PAINTJOB_LOG_LEVEL": "WARNING"}
    server = stack.enter_context(running_server(broker.url, folder, **settings))
    return Service(server.url, broker.url, depth)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    numbers = [int(text) for text in sys.argv[1:]]
    main(*(numbers or [10_000]), *([] if len(numbers) > 1 else [200]))
