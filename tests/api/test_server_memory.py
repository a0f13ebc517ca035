"""What memory an API process keeps once large pictures are through."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import psutil
import pytest
from PIL import Image

from tests.support.pictures import encode, make_rgb, mask
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.slow

SIDE = 4000
BOX = (1000, 1000, 2000, 2000)
GROWTH_MEBIBYTES = 95
"""Measured: 58. Without limits for the allocator: 123 to 275."""


@pytest.fixture
def server(broker_url: str, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of one process."""
    with running_server(broker_url, tmp_path, PAINTJOB_HTTP_WORKERS="1") as running:
        yield running


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_memory_is_given_back_after_large_pictures(server: RunningServer) -> None:
    image = _make_large()
    hole = mask(SIDE, SIDE, BOX)
    ways = [
        ({"mask": ("mask.png", hole)}, {}),
        ({}, {"regions": json.dumps([{"box": BOX}])}),
        ({}, {"mask_source": "alpha"}),
    ]

    def post(way: tuple[dict[str, tuple[str, bytes]], dict[str, str]]) -> None:
        files, data = way
        sent = {"image": ("image.png", image), **files}
        answer = httpx2.post(f"{server.url}/inpaint", files=sent, data=data, timeout=120)
        assert answer.status_code == 202, answer.text

    (process,) = psutil.Process(server.process.pid).children()
    before = process.memory_info().rss
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(post, ways * 8))
    grown = (process.memory_info().rss - before) / 2**20
    assert grown < GROWTH_MEBIBYTES


def _make_large() -> bytes:
    """Return 16 megapixels of texture that are transparent in a box."""
    color = np.tile(make_rgb("texture", 1000, 1000), (4, 4, 1))
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 0
    return encode(Image.fromarray(np.dstack((color, alpha))), compress_level=1)
