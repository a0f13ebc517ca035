"""What 200 open event streams cost those who ask for something else, all on one machine.

Run from the repository's root: `python -m benchmarks.streams [STREAMS] [SECONDS]`. It starts a
broker and gunicorn with 2 x 160 threads, has 20 jobs tell 50 events a second, opens the streams,
and measures what 8 paced clients wait for `GET /jobs/{id}`: without streams, with them, and
without again. And how long a `POST` that waits hears of its job's end after it was written.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import selectors
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx2

from benchmarks.http_rate import build_form, build_request, measure_memory, read_answer
from service.contract.errors import Internal
from service.contract.jobs import Progress
from service.contract.names import CPU_QUEUE
from service.store import JobStore, connect, failure_of
from tests.support.broker import running_broker
from tests.support.server import RunningServer, running_server

JOBS = 20
EVENTS_A_SECOND = 50
GET_CLIENTS = 8
GET_PAUSE_SECONDS = 0.01
WAITS = 100


def main(streams: int, seconds: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pj-bench-") as folder, running_broker() as broker:
        settings = {"PAINTJOB_HTTP_WORKERS": "2", "PAINTJOB_LOG_LEVEL": "WARNING"}
        with running_server(broker.url, Path(folder), **settings) as server:
            store = connect(broker.url)
            body, kind = build_form()
            links = [_submit(server, body, kind) for _ in range(JOBS)]
            telling, told = threading.Event(), list[float]()
            teller = threading.Thread(target=tell, args=(store, _claim(store), telling, told))
            teller.start()
            measure_gets("no stream", server, links, seconds)
            with multiprocessing.Pool(1) as pool:
                stop = multiprocessing.Manager().Event()
                asked = (server.port, [link["events"] for link in links], streams, stop)
                listening = pool.apply_async(listen, asked)
                time.sleep(3)
                measure_gets(f"{streams} streams", server, links, seconds)
                print(f"memory of one API process: {measure_memory(server):.0f} MiB")
                stop.set()
                opened, refused, began, ended, lags = listening.get(30)
            lags.sort()
            share = sum(began < at < ended for at in told) * opened / JOBS
            print(
                f"streams open: {opened} ({refused} tries met a full process), "
                f"events heard: {len(lags)} of some {share:.0f}, "
                f"lag median {lags[len(lags) // 2] * 1000:.1f} ms, "
                f"p99 {lags[len(lags) * 99 // 100] * 1000:.1f} ms"
            )
            measure_gets("no stream", server, links, seconds)
            telling.set()
            teller.join()
            measure_waits(server, store, body, kind)


def _submit(server: RunningServer, body: bytes, kind: str) -> dict[str, str]:
    headers = {"Content-Type": kind}
    answer = httpx2.post(f"{server.url}/inpaint", content=body, headers=headers)
    links: dict[str, str] = answer.raise_for_status().json()["links"]
    return links


def _claim(store: JobStore) -> list[tuple[str, str]]:
    """Claim all jobs; gives ids and tokens."""
    found = []
    for number in range(JOBS):
        (claimed,) = store.claims.take(CPU_QUEUE, worker="bench", claim_id=f"c{number}")
        found.append((claimed.job_id, f"c{number}"))
    return found


def tell(
    store: JobStore, claims: Sequence[tuple[str, str]], stop: threading.Event, told: list[float]
) -> None:
    """Have the jobs tell progress in turn, as many events a second as there should be."""
    number = 0
    while not stop.wait(1 / EVENTS_A_SECOND):
        job_id, token = claims[number % len(claims)]
        progress = Progress(stage="paint", step=number, steps=9999, fraction=0.5)
        store.claims.report_progress(job_id, token, 1 + number // len(claims), progress)
        told.append(time.time())
        number += 1


def listen(
    port: int, paths: Sequence[str], count: int, stop: Event
) -> tuple[int, int, float, float, list[float]]:
    """Hold streams open; gives how many, refused tries, start, end, and each event's lag.

    An event's time has milliseconds, so that its lag is up to one too long.
    """
    selector, opened, refused = selectors.DefaultSelector(), 0, 0
    while opened < count:
        connection = socket.create_connection(("127.0.0.1", port))
        path = paths[opened % len(paths)]
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        if b" 200 " not in connection.recv(65_536).split(b"\r\n")[0]:
            refused += 1
            connection.close()
            continue
        selector.register(connection, selectors.EVENT_READ)
        opened += 1
    lags: list[float] = []
    began = time.time()
    while not stop.is_set():
        for key, _ in selector.select(0.2):
            data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
            now = time.time()
            for line in data.split(b"\n"):
                if line.startswith(b"data: ") and line.endswith(b"}"):
                    at = _read_time(json.loads(line[6:])["at"])
                    # Those from before the stream was opened were kept, not late.
                    lags += [now - at] if at > began else []
    return opened, refused, began, time.time(), lags


def _read_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def measure_gets(
    name: str, server: RunningServer, links: Sequence[dict[str, str]], seconds: float
) -> None:
    """Ask for jobs from paced clients in another process, and print how long they waited."""
    with multiprocessing.Pool(1) as pool:
        times = pool.apply(ask, (server.port, [link["self"] for link in links], seconds))
    times.sort()
    print(
        f"{name}: {len(times)} GETs in {seconds:.0f} s, "
        f"median {statistics.median(times) * 1000:.1f} ms, "
        f"p99 {times[len(times) * 99 // 100] * 1000:.1f} ms"
    )


def ask(port: int, paths: Sequence[str], seconds: float) -> list[float]:
    """Run the paced clients; gives the seconds that each answer took."""
    times: list[float] = []

    def run(path: str) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                connection.sendall(build_request("GET", path))
                read_answer(connection)
                times.append(time.perf_counter() - began)
                time.sleep(GET_PAUSE_SECONDS)

    threads = [threading.Thread(target=run, args=(path,)) for path in paths[:GET_CLIENTS]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def measure_waits(server: RunningServer, store: JobStore, body: bytes, kind: str) -> None:
    """End jobs that clients wait for, and print how long after that they hear of it."""
    delays: list[float] = []
    for number in range(WAITS):
        answered: list[float] = []

        def post() -> None:
            headers = {"Content-Type": kind, "Prefer": "wait=10"}
            answer = httpx2.post(f"{server.url}/inpaint", content=body, headers=headers, timeout=20)
            answered.append(time.perf_counter())  # noqa: B023 - joined below
            answer.raise_for_status()

        thread = threading.Thread(target=post)
        thread.start()
        token = f"w{number}"
        while not (claimed := store.claims.take(CPU_QUEUE, worker="bench", claim_id=token)):
            time.sleep(0.001)
        time.sleep(0.05)
        began = time.perf_counter()
        store.claims.finish_failed(claimed[0].job_id, token, failure_of(Internal("bench")))
        thread.join()
        delays.append(answered[0] - began)
    delays.sort()
    print(
        f"POST that waits hears of the end after: median {delays[WAITS // 2] * 1000:.1f} ms, "
        f"p99 {delays[WAITS * 99 // 100] * 1000:.1f} ms"
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    given = sys.argv[1:]
    main(int(given[0]) if given else 200, float(given[1]) if given[1:] else 5.0)
