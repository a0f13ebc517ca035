"""What reading the declarations of a picture file costs: our parsers, Pillow and libvips.

Run it from the root of the repository, with `deploy/requirements/benchmarks.txt` installed:

    python -m benchmarks.picture_headers

Each file is read by each library in a process of its own, until size, mode, depth, orientation,
profile and whether it is animated are known. A reader that is not installed is left out.
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.files import insert_in_png, make_chunk
from tests.support.pictures import encode, make_rgb

SIDE = 4000
CAP_BYTES = 4 * 1024**3
"""Address space of a reader: one that wants more fails instead of taking the machine."""

READERS = {
    "ours": """
from service.pictures.headers import read_header
def look(data):
    header = read_header(io.BytesIO(data))
    return header.width, header.height, header.depth, header.animated
""",
    "Pillow": """
import warnings
warnings.simplefilter("ignore")
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
def look(data):
    with Image.open(io.BytesIO(data)) as image:
        image.getexif().get(0x0112), image.info.get("icc_profile")
        return *image.size, image.mode, getattr(image, "is_animated", False)
""",
    "pyvips": """
import pyvips
pyvips.cache_set_max(0)
def look(data):
    image = pyvips.Image.new_from_buffer(data, "", access="sequential")
    fields = image.get_fields()
    if "icc-profile-data" in fields:
        image.get("icc-profile-data")
    pages = image.get("n-pages") if "n-pages" in fields else 1
    return image.width, image.height, image.format, pages > 1
""",
}

_FRAME = """
import io, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({cap}, {cap}))
{reader}

def read(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

look(open(sys.argv[1], "rb").read())
data = open(sys.argv[2], "rb").read()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
before, costs = read("VmRSS"), []
for _ in range(5):
    started = time.process_time()
    try:
        found = look(data)
    except Exception as error:
        found = f"refused ({{type(error).__name__}})"
    costs.append(time.process_time() - started)
found = found if isinstance(found, str) else " ".join(map(str, found))
print(f"{{min(costs) * 1000:.2f}}|{{(read('VmHWM') - before) / 1048576:.1f}}|{{found}}")
"""


def make_files() -> dict[str, Callable[[], bytes]]:
    """Return a maker of each file, by its name: plain ones first, then hostile ones."""
    return {
        "PNG, 16 megapixels": lambda: _encode_large("PNG", compress_level=1),
        "JPEG, 16 megapixels": lambda: _encode_large("JPEG", quality=90),
        "JPEG progressive, 16 megapixels": lambda: _encode_large(
            "JPEG", quality=90, progressive=True
        ),
        "WebP, 16 megapixels": lambda: _encode_large("WEBP", quality=80),
        "PNG, a text that unpacks to 512 MiB": lambda: insert_in_png(
            _encode_small("PNG"), make_chunk(b"zTXt", b"key\0\0" + _pack_zeros(512))
        ),
        "PNG, a profile that unpacks to 512 MiB": lambda: insert_in_png(
            _encode_small("PNG"), make_chunk(b"iCCP", b"key\0\0" + _pack_zeros(512))
        ),
        "PNG that declares 60000 x 60000": _declare_huge_png,
        "WebP that declares 16383 x 16383": _declare_huge_webp,
        "PNG of 500000 empty texts": lambda: insert_in_png(
            _encode_small("PNG"), *[make_chunk(b"tEXt", b"k\0")] * 500_000
        ),
        "JPEG of 200000 comments": lambda: (
            b"\xff\xd8" + b"\xff\xfe\0\x02" * 200_000 + _encode_small("JPEG")[2:]
        ),
        "PNG of 16 bits": lambda: encode(np.zeros((64, 96), np.uint16)),
        "WebP, animated": _animate,
    }


def main() -> None:
    """Measure and print a table."""
    readers = {
        name: code for name, code in READERS.items() if name != "pyvips" or find_spec("pyvips")
    }
    cells = " | ".join(f"{name}: ms | MiB | what it says" for name in readers)
    print(f"| file | {cells} |")
    print("|---|" + "--:|--:|---|" * len(readers))
    with tempfile.TemporaryDirectory() as folder:
        for name, make in make_files().items():
            file, warm = Path(folder) / "file", Path(folder) / "warm"
            data = make()
            file.write_bytes(data)
            warm.write_bytes(_encode_small(_find_format(data)))
            cells = " | ".join(_measure(code, warm, file) for code in readers.values())
            print(f"| {name} | {cells} |", flush=True)


def _measure(reader: str, warm: Path, file: Path) -> str:
    program = _FRAME.format(reader=reader, cap=CAP_BYTES)
    done = subprocess.run(
        [sys.executable, "-c", program, str(warm), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"- | - | ended by {done.returncode}: {done.stderr.strip()[-60:]}"
    return done.stdout.strip().replace("|", " | ")


def _encode_large(name: str, **options: int) -> bytes:
    return encode(np.tile(make_rgb("texture", 1000, 1000), (4, 4, 1)), name, **options)


def _encode_small(name: str) -> bytes:
    return encode(make_rgb("texture", 96, 64), name)


def _find_format(data: bytes) -> str:
    return {b"\x89": "PNG", b"\xff": "JPEG", b"R": "WEBP"}[data[:1]]


def _pack_zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()


def _declare_huge_png() -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            make_chunk(b"IHDR", header),
            make_chunk(b"IDAT", zlib.compress(bytes(9))),
            make_chunk(b"IEND"),
        ]
    )


def _declare_huge_webp() -> bytes:
    """Return a lossless WebP of no pixels that declares the largest canvas there is."""
    bits = 16_382 | 16_382 << 14
    body = b"\x2f" + struct.pack("<I", bits) + bytes(64)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def _animate() -> bytes:
    frames = [Image.fromarray(make_rgb("texture", 96, 64, seed)) for seed in range(2)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


if __name__ == "__main__":
    main()
