"""The rows that are decoded to check a JPEG find what decoding all of it finds."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from service.contract.errors import ImageUndecodable, PaintjobError
from service.pictures.checks import check_picture
from service.pictures.headers import read_header
from service.pictures.jpeg_rows import ROWS, cut_to_rows

SEED, CHANGED_FILES = 5, 600
LIMIT = 10**8


def encode_noise(mode: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((200, 144), 50).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


FILES = [
    encode_noise("L"),
    encode_noise("RGB", subsampling=2),
    encode_noise("RGB", subsampling=0, restart_marker_blocks=3),
]


def change(data: bytes, rng: random.Random) -> bytes:
    """Return a file with up to three bytes changed, most of them before its pixels."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(data) if rng.random() < 0.4 else data.index(b"\xff\xda") + 16)
        changed[place] = rng.choice([rng.randrange(256), 0xFF, 0xDA, 0xC4, 0])
    return bytes(changed)


def is_decoded(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def is_taken(data: bytes) -> bool | None:
    """Return whether the check takes a file; None if it is refused for its header alone."""
    try:
        header = read_header(io.BytesIO(data))
        if header.format != "jpeg" or header.is_buffered:
            return None
    except PaintjobError:
        return None
    try:
        check_picture(io.BytesIO(data), LIMIT)
    except ImageUndecodable:
        return False
    except PaintjobError:
        return None
    return True


@pytest.mark.parametrize("data", FILES, ids=["gray", "subsampled", "restarts"])
def test_cut_picture_has_few_rows_and_is_decoded(data: bytes) -> None:
    header = read_header(io.BytesIO(data))
    assert header.is_plain
    file, cut = cut_to_rows(io.BytesIO(data), header)
    image = Image.open(file)
    image.load()
    assert (cut.width, cut.height) == image.size
    assert image.size == (200, ROWS)


def test_what_is_decoded_whole_is_taken_and_what_is_not_is_refused() -> None:
    rng, verdicts = random.Random(SEED), []
    for number in range(CHANGED_FILES):
        data = change(FILES[number % len(FILES)], rng)
        taken = is_taken(data)
        if taken is not None:
            assert taken == is_decoded(data), data.hex()
            verdicts.append(taken)
    assert verdicts.count(False) > 20
    assert verdicts.count(True) > 200
