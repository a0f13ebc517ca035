"""Measures the cost of PNG encoders and decoders: photo, graphics, noise, transparency, gray.

Run it from the root of the repository:

    python -m benchmarks.png_encode [--side 512 --side 2048] [--repeats 5] [--image FILE ...]

Times are of the processor. Those of one run compare with each other, hence the ratios: to the
encoder and to the decoder in use. Encoders that are not installed are left out;
`deploy/requirements/benchmarks.txt` has them all.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from benchmarks.png_pictures import MAKERS
from service.pictures.png import SIGNATURE, check_data
from worker.imaging import ImageArray
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import Picture, to_uint8
from worker.imaging.png_checking import read_written_rows
from worker.imaging.png_chunks import chunk_parts, header_chunk
from worker.imaging.png_writing import encode_png

Encoder = Callable[[ImageArray], bytes]
Decoder = Callable[[bytes], object]

IN_USE = "in use"

Values = NDArray[np.int16]

_FILTERS = ("none", "sub", "up", "average", "paeth")
"""PNG's filters, by number."""

_STRATEGIES = {"default": 0, "filtered": 1, "huffman": 2, "rle": 3}
"""zlib's strategies by number, as libpng and all who bind it take them."""


def encode_with_pillow(image: ImageArray, level: int) -> bytes:
    """Encode with Pillow at a compression level."""
    buffer = BytesIO()
    Image.fromarray(_squeeze(image)).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def _squeeze(image: ImageArray) -> ImageArray:
    return image[..., 0] if image.shape[2] == 1 else image


def filter_rows(image: ImageArray, name: str) -> ImageArray:
    """Return the rows of a picture, all filtered in one way: its number, then differences."""
    height, width, channels = image.shape
    values = image.reshape(height, -1).astype(np.int16)
    up = np.vstack((np.zeros_like(values[:1]), values[:-1]))
    left, corner = (np.pad(each, ((0, 0), (channels, 0)))[:, :-channels] for each in (values, up))
    rows = np.full((height, 1 + width * channels), _FILTERS.index(name), np.uint8)
    rows[:, 1:] = (values - _predict(name, left, up, corner)).astype(np.uint8)
    return rows


def _predict(name: str, left: Values, up: Values, corner: Values) -> Values:
    if name == "paeth":
        by_left, by_up, by_corner = (
            abs(up - corner),
            abs(left - corner),
            abs(left + up - 2 * corner),
        )
        nearest = np.where(by_up <= by_corner, up, corner)
        return np.where((by_left <= by_up) & (by_left <= by_corner), left, nearest)
    simple = {"none": np.zeros_like(left), "sub": left, "up": up, "average": (left + up) // 2}
    return simple[name]


def pack_with_igzip(image: ImageArray, rows: ImageArray, level: int) -> bytes:
    """Encode rows that are filtered already, by igzip."""
    height, width, channels = image.shape
    header = header_chunk(width, height, {1: 0, 2: 4, 3: 2, 4: 6}[channels])
    data = chunk_parts(b"IDAT", (isal_zlib.compress(rows, level),))
    return b"".join((SIGNATURE, header, *data, *chunk_parts(b"IEND", ())))


def encode_with_opencv(image: ImageArray, level: int, strategy: int, row_filter: int = 0) -> bytes:
    """Encode with OpenCV at a level, by a strategy of zlib's; 0 leaves the filter to OpenCV."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy]
    if row_filter:
        options += [cv2.IMWRITE_PNG_FILTER, row_filter]
    code = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, code), options)
    return encoded.tobytes()


def encode_with_vips(module: Any, image: ImageArray, level: int, row_filter: str) -> bytes:
    """Encode with libvips."""
    picture = module.Image.new_from_array(image, interpretation="srgb")
    return bytes(picture.write_to_buffer(".png", compression=level, filter=row_filter))


def encode_with_fpng(module: Any, image: ImageArray) -> bytes:
    """Encode with fpng, which trades size for speed."""
    return bytes(module.from_ndarray(image))


def list_encoders(image: ImageArray) -> Iterator[tuple[str, Encoder]]:
    """Yield every encoder that is installed and takes the picture; the one in use first."""
    channels = image.shape[2]
    yield IN_USE, _encode_as_the_worker
    for row_filter in _FILTERS:
        rows = filter_rows(image, row_filter)
        for level in (0, 1, 2, 3) if row_filter == "up" else (1,):
            name = f"igzip, level {level}, {row_filter}; packing alone"
            yield name, partial(pack_with_igzip, rows=rows, level=level)
    for level in (1, 3, 6):
        yield f"Pillow, level {level}", partial(encode_with_pillow, level=level)
    if channels > 2:
        yield from _list_opencv()
        yield from _list_vips()
    yield from _list_imagecodecs()
    if channels > 2 and find_spec("fpng"):
        yield "fpng", partial(encode_with_fpng, importlib.import_module("fpng"))


def _list_opencv() -> Iterator[tuple[str, Encoder]]:
    for name, strategy in _STRATEGIES.items():
        yield f"OpenCV, level 1, {name}", partial(encode_with_opencv, level=1, strategy=strategy)
    for name, row_filter in {"up": 32, "paeth": 128, "fast": 56}.items():
        encoder = partial(encode_with_opencv, level=1, strategy=3, row_filter=row_filter)
        yield f"OpenCV, level 1, rle, {name}", encoder
    yield "OpenCV, level 3, filtered", partial(encode_with_opencv, level=3, strategy=1)


def _list_vips() -> Iterator[tuple[str, Encoder]]:
    if not find_spec("pyvips"):
        return
    module = importlib.import_module("pyvips")
    for level, row_filter in ((1, "none"), (1, "sub"), (6, "none")):
        encoder = partial(encode_with_vips, module, level=level, row_filter=row_filter)
        yield f"libvips, level {level}, {row_filter}", encoder


def _list_imagecodecs() -> Iterator[tuple[str, Encoder]]:
    if not find_spec("imagecodecs"):
        return
    codecs = importlib.import_module("imagecodecs")
    for level in (1, 3):
        yield f"libspng, level {level}", partial(codecs.spng_encode, level=level)
    yield "libpng, level 1, rle, sub", partial(codecs.png_encode, level=1, strategy=3, filter=16)


def _encode_as_the_worker(image: ImageArray) -> bytes:
    return encode_png(_to_picture(image))


def _to_picture(image: ImageArray) -> Picture:
    channels = image.shape[2]
    if channels in (1, 3):
        return Picture(_squeeze(image).copy())
    color = image[..., 0] if channels == 2 else image[..., :3]
    return Picture(np.ascontiguousarray(color), image[..., -1].copy())


def list_decoders(picture: Picture) -> Iterator[tuple[str, Decoder]]:
    """Yield what reads a PNG: of an input, of a result that is proven, and others."""
    yield IN_USE, partial(decode_picture, max_pixels=picture.width * picture.height)
    yield "in use, of a result", partial(_read_result, picture)
    yield "Pillow", lambda data: np.asarray(Image.open(BytesIO(data)))
    yield "OpenCV", lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    yield "a check of the data's length, by zlib", lambda data: check_data(BytesIO(data))


def _read_result(picture: Picture, data: bytes) -> None:
    for _ in read_written_rows(data, (picture.width, picture.height), picture.mode):
        pass


def measure(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the medians of milliseconds: of the processor, and passed."""
    used, passed = [], []
    for _ in range(repeats):
        began, started = time.perf_counter(), time.process_time()
        work()
        used.append(time.process_time() - started)
        passed.append(time.perf_counter() - began)
    return statistics.median(used) * 1000, statistics.median(passed) * 1000


def check_lossless(image: ImageArray, encoded: bytes) -> None:
    """Check that an encoder kept every pixel.

    Raises:
        ValueError: it did not.
    """
    if not np.array_equal(np.asarray(Image.open(BytesIO(encoded))), _squeeze(image)):
        raise ValueError("the encoder is not lossless")


def print_encoders(title: str, image: ImageArray, repeats: int) -> None:
    """Measure every encoder on one picture and print a table in Markdown."""
    print(f"\n{title}, {image.shape[1]}x{image.shape[0]}\n")
    print("| encoder | CPU ms | ratio | passed ms | kB | ratio |\n|---|---|---|---|---|---|")
    first: tuple[float, int] | None = None
    for name, encode in list_encoders(image):
        encoded = encode(image)
        check_lossless(image, encoded)
        used, passed = measure(partial(encode, image), repeats)
        first = first or (used, len(encoded))
        ratios = used / first[0], len(encoded) / first[1]
        kilobytes = len(encoded) / 1000
        print(
            f"| {name} | {used:.1f} | {ratios[0]:.2f} | {passed:.1f} "
            f"| {kilobytes:.0f} | {ratios[1]:.3f} |"
        )


def print_decoders(image: ImageArray, repeats: int) -> None:
    """Measure every decoder on a PNG of ours and on one of Pillow's, and print a table."""
    picture = _to_picture(image)
    ours, theirs = encode_png(picture), encode_with_pillow(image, 6)
    print("\n| decoder | of ours, CPU ms | ratio | of Pillow's, CPU ms | ratio |")
    print("|---|---|---|---|---|")
    first: list[float] = []
    for name, decode in list_decoders(picture):
        takes = (ours,) if name == "in use, of a result" else (ours, theirs)
        times = [measure(partial(decode, data), repeats)[0] for data in takes]
        first = first or times
        cells = [f"{used:.1f} | {used / one:.2f}" for used, one in zip(times, first, strict=False)]
        print(f"| {name} | {' | '.join([*cells, ' | '][:2])} |")


def main() -> None:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description="Measure PNG encoders and decoders.")
    parser.add_argument("--side", type=int, action="append", help="pixels a side of made pictures")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--image", type=Path, action="append", default=[], help="a picture of yours"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for side in arguments.side or [512, 2048]:
        for title, make in MAKERS.items():
            print_encoders(title, make(side), arguments.repeats)
            print_decoders(make(side), arguments.repeats)
    for path in arguments.image:
        with Image.open(path) as image:
            pixels = to_uint8(image.convert("RGB"))
        print_encoders(path.name, pixels, arguments.repeats)
        print_decoders(pixels, arguments.repeats)


if __name__ == "__main__":
    main()
