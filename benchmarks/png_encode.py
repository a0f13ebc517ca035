"""How long PNG encoders take and how large their files are, on a photo and on flat graphics.

Run it from the root of the repository:

    python -m benchmarks.png_encode [--side 1024] [--repeats 5] [--image FILE ...]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from worker.imaging import ImageArray
from worker.imaging.encoding import encode_png
from worker.imaging.picture import Picture, to_uint8

Encoder = Callable[[ImageArray], bytes]

STRATEGIES = {
    "default": cv2.IMWRITE_PNG_STRATEGY_DEFAULT,
    "filtered": cv2.IMWRITE_PNG_STRATEGY_FILTERED,
    "huffman": cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY,
    "rle": cv2.IMWRITE_PNG_STRATEGY_RLE,
}


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
    """Give flat areas with hard edges, and lines of text."""
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


def encode_with_pillow(image: ImageArray, level: int) -> bytes:
    """Encode with Pillow at a compression level."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def encode_with_opencv(image: ImageArray, level: int, strategy: int) -> bytes:
    """Encode with OpenCV at a compression level, by a strategy of zlib's."""
    options = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy]
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()


def list_encoders() -> Iterator[tuple[str, Encoder]]:
    """Give every encoder measured, with its name; the one in use last."""
    for level in (1, 3, 6):
        yield f"Pillow level {level}", partial(encode_with_pillow, level=level)
    for name, strategy in STRATEGIES.items():
        yield f"OpenCV level 1 {name}", partial(encode_with_opencv, level=1, strategy=strategy)
    yield "in use (encode_png)", lambda image: encode_png(Picture(image.copy()))


def measure(encoder: Encoder, image: ImageArray, repeats: int) -> tuple[float, int]:
    """Give the median of the processor's milliseconds, and the size in bytes.

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
    """Measure every encoder on one picture and print a table."""
    print(f"\n{title}, {image.shape[1]}x{image.shape[0]}")
    print(f"{'encoder':<24}{'CPU ms':>10}{'kB':>10}{'ns/pixel':>10}")
    for name, encoder in list_encoders():
        milliseconds, size = measure(encoder, image, repeats)
        per_pixel = milliseconds * 1e6 / (image.shape[0] * image.shape[1])
        print(f"{name:<24}{milliseconds:>10.1f}{size / 1000:>10.0f}{per_pixel:>10.1f}")


def main() -> None:
    """Read the arguments and print the tables."""
    parser = argparse.ArgumentParser(description="Measure PNG encoders.")
    parser.add_argument("--side", type=int, default=1024, help="pixels a side of the made pictures")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--image", type=Path, action="append", default=[], help="a picture of yours"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print_table("photo-like", make_photo(arguments.side), arguments.repeats)
    print_table("flat graphics", make_graphics(arguments.side), arguments.repeats)
    for path in arguments.image:
        with Image.open(path) as image:
            print_table(path.name, np.asarray(image.convert("RGB")), arguments.repeats)


if __name__ == "__main__":
    main()
