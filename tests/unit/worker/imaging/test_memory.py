"""Decoding and encoding 16 megapixels, in memory and in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.files import make_png
from tests.support.memory import measure_peak_bytes
from tests.support.pictures import encode, make_rgb
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_picture

MIB = 1024 * 1024

SETUP = """
import numpy as np
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_picture
from worker.imaging.picture import Picture

small = Picture(np.zeros((64, 64, 3), np.uint8))
for name in ("png", "webp", "jpeg"):
    data = encode_picture(small, name)
    decode_picture(data, 4096)
data = None
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_decode_and_encode_need_few_copies(tmp_path: Path, name: str) -> None:
    large = Image.fromarray(np.tile(make_rgb("texture", 1000, 1000), (4, 4, 1)))
    file = tmp_path / "large"
    options = {"compress_level": 1} if name == "PNG" else {"quality": 80}
    file.write_bytes(encode(large, name, **options))
    code = """
picture = decode_picture(open(path, "rb").read(), 16_000_000)
encoded = encode_picture(picture, "png")
"""
    # 46 MiB is the picture itself, and up to 35 the file written.
    assert measure_peak_bytes(SETUP, code, file) < 200 * MIB


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_16_bits_need_no_more_than_they_and_a_rounded_copy_take(tmp_path: Path) -> None:
    slope = np.add.outer(np.arange(4000), np.arange(4000)).astype(np.uint16)
    file = tmp_path / "deep.png"
    file.write_bytes(make_png(np.dstack([slope] * 3), 2, depth=16))
    code = """
picture = decode_picture(open(path, "rb").read(), 16_000_000)
encoded = encode_picture(picture, "png")
"""
    # 92 MiB are the picture itself, and 46 the copy.
    assert measure_peak_bytes(SETUP, code, file) < 280 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("side", [512, 2048])
def test_decode_encode_and_decode_again_cost_little_of_what_pillow_takes(side: int) -> None:
    data = encode(np.tile(make_rgb("texture", 512, 512), (side // 512, side // 512, 1)))

    def by_pillow() -> None:
        pixels = np.asarray(Image.open(BytesIO(data)))
        np.asarray(Image.open(BytesIO(encode(pixels, compress_level=1))))

    def by_us() -> None:
        picture = decode_picture(data, side * side)
        decode_picture(encode_picture(picture, "png"), side * side)

    cv2.setNumThreads(1)
    # In turn and by their ratio: how fast the machine is just now does not matter.
    ours, theirs = zip(*[(_cost(by_us), _cost(by_pillow)) for _ in range(5)], strict=True)
    assert min(ours) < 0.7 * min(theirs)


def _cost(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
