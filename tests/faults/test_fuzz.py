"""Files that are broken at random: refused in words, cheaply, and read alike by API and worker.

`make fuzz` runs this for minutes; the test suite runs a few hundred examples. What was found once
stays as an example.
"""

from __future__ import annotations

import io
import struct
import zlib
from io import BytesIO

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from service.contract.errors import PaintjobError
from service.pictures.checks import check_picture
from service.pictures.exif import read_placement
from service.pictures.exif_stripping import strip_exif
from service.pictures.mask_decoding import read_mask, read_transparency
from service.pictures.xmp import find_source_type
from tests.support.costs.files import (
    FILES,
    chunk,
    exif_of_directories,
    exif_of_overlaps,
    make_png,
    small_rows,
    webp_with,
)
from tests.support.heif import PLAIN
from worker.imaging.decoding import decode_picture

MAX_PIXELS = 1_000_000
READS_PER_BYTE = 8
"""A file may be read so often: its header, its check sums, its pixels, its data once more."""


class CountingFile(io.BytesIO):
    """A file that counts the bytes that are read and the calls."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.read_bytes = self.calls = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and count."""
        data = super().read(size)
        self.read_bytes, self.calls = self.read_bytes + len(data), self.calls + 1
        return data


def _encode(mode: str, kind: str, **options: object) -> bytes:
    image = Image.linear_gradient("L").resize((96, 64)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x011A], exif[0x0132] = 6, 72.0, "2026:01:01 00:00:00"
    return exif.tobytes()


SEEDS = (
    _encode("RGB", "PNG", exif=_exif()),
    _encode("RGBA", "PNG"),
    _encode("LA", "PNG"),
    _encode("P", "PNG", transparency=3),
    _encode("L", "PNG", transparency=7),
    _encode("1", "PNG"),
    _encode("I;16", "PNG"),
    _encode("RGB", "JPEG", exif=_exif()),
    _encode("L", "JPEG", progressive=True),
    _encode("RGB", "WEBP", exif=_exif()),
    _encode("RGBA", "WEBP", lossless=True),
    _encode("RGB", "AVIF", exif=_exif()),
    _encode("RGB", "TIFF", compression="tiff_lzw"),
    _encode("P", "TIFF"),
    PLAIN,
)

Mutation = tuple[str, int, bytes]

MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "repeat", "cut", "chunk"]),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=12),
    ),
    max_size=6,
)


def mutate(data: bytes, mutations: list[Mutation]) -> bytes:
    """Return a file with some bytes changed; the check sums of a PNG are right again."""
    for what, place, value in mutations:
        at = place % (len(data) + 1)
        end = at + len(value)
        match what:
            case "set":
                data = data[:at] + value + data[end:]
            case "insert":
                data = data[:at] + value + data[at:]
            case "delete":
                data = data[:at] + data[end:]
            case "repeat":
                data = data[:end] + data[at:]
            case "cut":
                data = data[: max(at, 12)]
            case "chunk":
                data = data[:33] + chunk(value[:4].ljust(4, b"a"), value[4:]) + data[33:]
    return _mend_sums(data)


def _mend_sums(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    mended, place = bytearray(data), 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(mended)


@given(st.sampled_from(SEEDS), MUTATIONS)
@example(FILES["tRNS repeated, small"](), [])
@example(FILES["WebP of repeated chunks"](), [])
@example(FILES["data behind the rows"](), [])
@example(make_png(small_rows(), chunk(b"tRNS", bytes(6)), chunk(b"PLTE", bytes(3))), [])
def test_api_and_worker_read_the_same_file(seed: bytes, mutations: list[Mutation]) -> None:
    data = mutate(seed, mutations)
    file = CountingFile(data)
    try:
        info = check_picture(file, MAX_PIXELS)
    except PaintjobError:
        return
    finally:
        assert file.read_bytes <= READS_PER_BYTE * len(data) + 2**20
    try:
        picture = decode_picture(data, MAX_PIXELS, keep_metadata=True)
    except PaintjobError:
        return  # broken pixels are found by the worker alone
    height, width = picture.color.shape[:2]
    assert (width, height) == info.upright_size
    try:
        transparency = np.asarray(read_transparency(BytesIO(data)))
    except PaintjobError:
        assert picture.alpha is None or (picture.alpha == 255).all()
        return
    alpha = 255 if picture.alpha is None else picture.alpha
    assert (transparency == 255 - alpha).all()


@given(st.sampled_from(SEEDS), MUTATIONS)
def test_masks_are_read_or_refused(seed: bytes, mutations: list[Mutation]) -> None:
    data = mutate(seed, mutations)
    file = CountingFile(data)
    try:
        info, luminance = read_mask(file, MAX_PIXELS)
    except PaintjobError:
        return
    finally:
        assert file.read_bytes <= READS_PER_BYTE * len(data) + 2**20
    assert (luminance.mode, luminance.size) == ("L", info.upright_size)


@given(st.binary(max_size=400).map(lambda tail: b"II*\0\x08\0\0\0" + tail), st.booleans())
@example(exif_of_overlaps(), False)
@example(exif_of_directories(), True)
def test_stripped_exif_is_never_longer(exif: bytes, is_turned: bool) -> None:
    orientation, _ = read_placement(exif)
    assert orientation in range(1, 9)
    stripped = strip_exif(exif, is_turned=is_turned)
    assert stripped is None or len(stripped) <= len(exif) + 16
    if stripped is not None:
        assert strip_exif(stripped) is not None


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@example(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")
@example(b"<a>" * 5000)
def test_xmp_is_read_or_ignored(packet: bytes) -> None:
    found = find_source_type(packet)
    assert found is None or isinstance(found, str)


def test_webp_of_two_pictures_is_refused() -> None:
    lossy = _encode("RGB", "WEBP")[12:]
    data = webp_with((lossy[:4], lossy[8:]))
    with np.testing.assert_raises(PaintjobError):
        check_picture(BytesIO(data), MAX_PIXELS)
