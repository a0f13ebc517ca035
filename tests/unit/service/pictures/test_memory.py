"""What is checked of a picture of 16 megapixels, in memory."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.costs.files import jpeg_of_channels
from tests.support.memory import measure_peak_bytes
from tests.support.pictures import make_rgb

MIB = 1024 * 1024
LIMIT_BYTES = 20 * MIB
"""Half of what the API may take for it."""

SETUP = """
from PIL import Image
from service.pictures.checks import check_picture

for name in ("PNG", "JPEG", "WEBP"):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, name)
    check_picture(buffer, 4096)
"""


def make_large() -> Image.Image:
    """Return 16 megapixels of texture."""
    return Image.fromarray(np.tile(make_rgb("texture", 1000, 1000), (4, 4, 1)))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("PNG", {"compress_level": 1}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("WEBP", {"quality": 80}),
    ],
    ids=["png", "jpeg", "jpeg progressive", "webp"],
)
def test_check_picture_needs_little_memory(
    tmp_path: Path, name: str, options: dict[str, int]
) -> None:
    buffer = BytesIO()
    make_large().save(buffer, name, **options)
    file = tmp_path / "large"
    file.write_bytes(buffer.getvalue())
    code = 'info = check_picture(open(path, "rb"), 16_000_000)\nassert info.width == 4000'
    assert measure_peak_bytes(SETUP, code, file) < LIMIT_BYTES


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_check_picture_needs_little_memory_for_a_baseline_jpeg_of_many_scans(
    tmp_path: Path,
) -> None:
    file = tmp_path / "large"
    file.write_bytes(jpeg_of_channels(4000))
    code = 'info = check_picture(open(path, "rb"), 16_000_000)\nassert info.width == 4000'
    assert measure_peak_bytes(SETUP, code, file) < LIMIT_BYTES


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
@pytest.mark.parametrize(
    "region",
    [
        "box=[9, 9, 3000, 3000]",
        "polygon=[[0, 0], [4000, 9], [9, 4000]]",
        'rle={"size": [4000, 4000], "counts": [5, 3_000_000, 12_999_995]}',
    ],
    ids=["box", "polygon", "runs"],
)
def test_inspect_regions_holds_two_masks_at_once(tmp_path: Path, region: str) -> None:
    setup = """
from service.pictures.masks import inspect_regions
from service.contract.regions import Region

def inspect(side, region):
    return inspect_regions([region], size=(side, side), polarity="white_repaints")

inspect(64, Region(box=[0, 0, 4, 4]))
"""
    file = tmp_path / "unused"
    code = f"assert inspect(4000, Region({region})).asked.box"
    assert measure_peak_bytes(setup, code, file) < 40 * MIB


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_check_picture_does_not_unpack_bombs(tmp_path: Path) -> None:
    setup = f"""{SETUP}
import zlib
from tests.support.files import insert_in_png, make_chunk
from tests.support.pictures import picture
"""
    file = tmp_path / "bomb"
    build = """
packer = zlib.compressobj(9)
packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
chunks = [make_chunk(b"zTXt", b"key" + bytes(2) + packed),
          make_chunk(b"iTXt", b"key" + bytes([0, 1, 0, 0, 0]) + packed)]
data = insert_in_png(picture(), *chunks)
"""
    file.write_bytes(b"")
    code = "assert check_picture(io.BytesIO(data), 16_000_000).width == 96"
    assert measure_peak_bytes(setup + build, code, file) < LIMIT_BYTES
