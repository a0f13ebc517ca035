"""No small request is expensive: memory and CPU of hostile ones, beside plain ones in the same run.

Every route that takes a body is sent generated hostile inputs of at most a megabyte or so, in one
process of its own. CPU is compared with a plain request of the same length to the same route, so
that the machine's speed does not matter. The seconds are reported by `benchmarks/costs.py`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask

from service.contract.errors import ImageUndecodable
from service.pictures.headers import read_header
from service.verify.comparison import Placement, compare_outpainted
from tests.support.broker import running_broker
from tests.support.costs.figures import Figures, read_figures
from tests.support.costs.files import FILES, plain_png
from tests.support.costs.requests import FORM, list_requests, multipart
from tests.support.http import build_app
from tests.support.memory import measure_peak_bytes
from worker.imaging.decoding import decode_picture

pytestmark = pytest.mark.slow

MEMORY_BYTES = 120 * 1024 * 1024
"""Limit beyond the body."""

CPU_RATIO = 30
"""Limit for the CPU time of a request, in that of a plain one of the same length."""

_WITHOUT_BODY = frozenset(
    f"/{kind}/{action}"
    for kind in ("jobs/<job_id>", "batches/<batch_id>")
    for action in ("cancel", "deliveries/redeliver")
) | {"/jobs/<job_id>/events-token", "/batches/<batch_id>/events-token"}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    with running_broker() as broker:
        folder = tmp_path_factory.mktemp("costs")
        command = [sys.executable, "-m", "tests.support.costs", broker.url, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1200)
    return read_figures(done.stdout)


def test_memory_of_a_request_is_bounded(figures: Figures) -> None:
    large = {
        name: cost.extra_bytes // 2**20
        for name, cost in figures.hostile.items()
        if cost.extra_bytes > MEMORY_BYTES + cost.body_bytes
    }
    assert not large


def test_cpu_of_a_request_is_that_of_few_plain_ones(figures: Figures) -> None:
    slow = {
        name: round(cost.cpu_seconds / figures.plain_seconds(cost), 1)
        for name, cost in figures.hostile.items()
        if cost.cpu_seconds > CPU_RATIO * figures.plain_seconds(cost)
    }
    assert not slow


def test_hostile_requests_are_answered(figures: Figures) -> None:
    assert len(figures.hostile) == len(list_requests())
    failed = {name: cost.status for name, cost in figures.hostile.items() if cost.status >= 500}
    assert not failed


def test_every_route_with_a_body_has_hostile_requests(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path)
    tried = {request.path.partition("?")[0] for request in list_requests().values()}
    assert {rule for rule in _iter_rules(app) if rule not in _WITHOUT_BODY} <= tried


def _iter_rules(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if {"POST", "PUT", "PATCH"} & (rule.methods or set()):
            yield rule.rule


@pytest.mark.parametrize("name", ["tRNS repeated", "tRNS repeated, small", "gAMA repeated"])
def test_repeated_chunks_are_refused_by_every_reader(name: str) -> None:
    with pytest.raises(ImageUndecodable, match="repeats a chunk that must be single"):
        read_header(BytesIO(FILES[name]()))


def test_repeated_chunks_are_refused_by_the_worker_and_by_verify() -> None:
    data = FILES["tRNS repeated, small"]()
    with pytest.raises(ImageUndecodable, match="tRNS"):
        decode_picture(data, 16_000_000)
    with pytest.raises(ImageUndecodable, match="tRNS"):
        compare_outpainted(data, data, Placement(0, 0, 0))


def test_data_behind_the_rows_is_not_unpacked_by_the_worker() -> None:
    bomb, plain = FILES["data behind the rows"](), plain_png(900_000)

    def fail() -> None:
        with pytest.raises(ImageUndecodable):
            decode_picture(bomb, 16_000_000)

    decode_picture(plain, 16_000_000)
    assert _cpu_seconds(fail) < CPU_RATIO * _cpu_seconds(lambda: decode_picture(plain, 16_000_000))


@pytest.mark.parametrize("name", ["EXIF of overlaps", "EXIF of directories"])
def test_exif_that_overlaps_takes_the_worker_little_memory(tmp_path: Path, name: str) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(FILES[name]())
    setup = "from worker.imaging.decoding import decode_picture"
    code = 'decode_picture(open(path, "rb").read(), 16_000_000, keep_metadata=True)'
    assert measure_peak_bytes(setup, code, file) < MEMORY_BYTES


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of the best of three tries."""
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def test_large_json_of_a_batch_is_bounded(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path).test_client()
    text = '{"items":[{"tags":' + "[" * 12_000_000 + "]" * 12_000_000 + "}]}"
    body = multipart({"batch": text})
    answer = client.post("/batches", data=body, content_type=FORM)
    assert answer.status_code == 413


def test_regions_in_defaults_are_drawn_once(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path).test_client()
    black = FILES["large and black"]()
    upload = client.post("/uploads", data=multipart({"file": black}), content_type=FORM).get_json()
    defaults = {
        "operation": "inpaint",
        "image": {"upload": upload["id"]},
        "regions": [{"box": [0, 0, 3000, 3000]}] * 30,
    }

    def submit(items: int) -> None:
        answer = client.post("/batches", json={"defaults": defaults, "items": [{}] * items})
        assert answer.get_json()["counts"]["refused"] == 0

    assert _cpu_seconds(lambda: submit(30)) < 10 * _cpu_seconds(lambda: submit(1))
