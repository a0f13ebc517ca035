"""What PNG encoders cost, and how large their files are: photo, graphics, noise, transparency.

Run it from the root of the repository:

    python -m benchmarks.png_encode [--side 512 --side 2048] [--repeats 5] [--image FILE ...]

Encoders that are not installed are left out; `deploy/requirements/benchmarks.txt` has them all.
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
from PIL import Image

from worker.imaging import ImageArray
from worker.imaging.encoding import encode_png
from worker.imaging.picture import Picture, to_uint8

Encoder = Callable[[ImageArray], bytes]

_STRATEGIES = {"default": 0, "filtered": 1, "huffman": 2, "rle": 3}
"""zlib's strategies by number, as libpng and all who bind it take them."""


def make_photo(side: int) -> ImageArray:
    """Give a picture with a photo's statistics: detail at every scale, amplitude falling as 1/f."""
    rng = np.random.default_rng(0)
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :]
    falloff = 1 / np.maximum(np.hypot(rows, columns), 1 / side) ** 1.2
    planes = []
    shared = rng.standard_normal((side, side))
    for _ in range(3):
        # Channels of a photo resemble each other.
        noise = 0.9 * shared + 0.3 * rng.standard_normal((side, side))
        plane = np.fft.ifft2(np.fft.fft2(noise) * falloff).real
        planes.append(128 + 50 * (plane - plane.mean()) / plane.std())
    sensor = rng.standard_normal((side, side, 3)) * 1.5
    return to_uint8((np.dstack(planes) + sensor).clip(0, 255).astype(np.uint8))


def make_graphics(side: int) -> ImageArray:
    """Return flat areas with hard edges, and lines of text."""
    rng = np.random.default_rng(0)
    picture = np.full((side, side, 3), 250, np.uint8)
    for _ in range(40):
        x, y, extent = (int(value) for value in rng.integers(0, side, 3))
        color = [int(value) for value in rng.integers(0, 256, 3)]
        cv2.rectangle(picture, (x, y), (x + extent // 5, y + extent // 5), color, -1)
    for line in range(20, side, 40):
        text = "the quick brown fox jumps over the lazy dog"
        cv2.putText(picture, text, (10, line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20), 1)
    return picture


def make_noise(side: int) -> ImageArray:
    """Return what no encoder can make smaller."""
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def make_transparent(side: int) -> ImageArray:
    """Return a photo-like RGBA picture with a soft disc of alpha."""
    rows, columns = np.mgrid[0:side, 0:side]
    distance = np.hypot(rows - side / 2, columns - side / 2)
    alpha = ((side * 0.45 - distance) * 8).clip(0, 255).astype(np.uint8)
    return np.dstack((make_photo(side), alpha))


def make_gray_transparent(side: int) -> ImageArray:
    """Return the same in gray with alpha."""
    rgba = make_transparent(side)
    return np.ascontiguousarray(rgba[..., [1, 3]])


def encode_with_pillow(image: ImageArray, level: int) -> bytes:
    """Encode with Pillow at a compression level."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


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


def list_encoders(channels: int) -> Iterator[tuple[str, Encoder]]:
    """Yield every encoder that is installed and takes so many channels; the one in use last."""
    for level in (1, 3, 6):
        yield f"Pillow, level {level}", partial(encode_with_pillow, level=level)
    if channels != 2:
        yield from _list_opencv()
        yield from _list_vips()
    yield from _list_imagecodecs()
    if channels != 2 and find_spec("fpng"):
        yield "fpng", partial(encode_with_fpng, importlib.import_module("fpng"))
    yield "in use", _encode_as_the_worker


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
    channels = image.shape[2]
    if channels == 3:
        return encode_png(Picture(image.copy()))
    color = image[..., 0] if channels == 2 else image[..., :3]
    return encode_png(Picture(np.ascontiguousarray(color), image[..., -1].copy()))


def measure(encoder: Encoder, image: ImageArray, repeats: int) -> tuple[float, int]:
    """Return the median of the processor's milliseconds, and the size in bytes.

    Raises:
        ValueError: the encoder is not lossless.
    """
    seconds, encoded = [], b""
    for _ in range(repeats):
        started = time.process_time()
        encoded = encoder(image)
        seconds.append(time.process_time() - started)
    if not np.array_equal(np.asarray(Image.open(BytesIO(encoded))), image):
        raise ValueError("the encoder is not lossless")
    return statistics.median(seconds) * 1000, len(encoded)


def print_table(title: str, image: ImageArray, repeats: int) -> None:
    """Measure every encoder on one picture and print a table in Markdown."""
    print(f"\n{title}, {image.shape[1]}x{image.shape[0]}\n")
    print("| encoder | CPU ms | kB | ns a pixel |\n|---|---|---|---|")
    for name, encoder in list_encoders(image.shape[2]):
        milliseconds, size = measure(encoder, image, repeats)
        per_pixel = milliseconds * 1e6 / (image.shape[0] * image.shape[1])
        print(f"| {name} | {milliseconds:.1f} | {size / 1000:.0f} | {per_pixel:.1f} |")


def main() -> None:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description="Measure PNG encoders.")
    parser.add_argument("--side", type=int, action="append", help="pixels a side of made pictures")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--image", type=Path, action="append", default=[], help="a picture of yours"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    makers = {
        "photo-like": make_photo,
        "flat graphics": make_graphics,
        "noise": make_noise,
        "photo-like with alpha": make_transparent,
        "gray with alpha": make_gray_transparent,
    }
    for side in arguments.side or [512, 2048]:
        for title, make in makers.items():
            print_table(title, make(side), arguments.repeats)
    for path in arguments.image:
        with Image.open(path) as image:
            print_table(path.name, np.asarray(image.convert("RGB")), arguments.repeats)


if __name__ == "__main__":
    main()
