"""Send every picture of a folder through a running service, and report what became of each.

Each picture is extended by a mirrored margin, and its own pixels in the result are compared with
what other readers see: Pillow, libheif for HEIC, and libpng (OpenCV's) for 16 bits a channel.

Usage: python -m benchmarks.corpus FOLDER [URL]
"""

from __future__ import annotations

import io
import struct
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx2
import numpy as np
from numpy.typing import NDArray
from pi_heif import HeifImageFile  # type: ignore[import-untyped]
from PIL import Image, ImageOps

MARGIN = 8
TIMEOUT_SECONDS = 120
AT_ONCE = 2

Pixels = NDArray[np.generic]

_PNG = b"\x89PNG\r\n\x1a\n"
_PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA"}


def main(folder: Path, url: str = "http://127.0.0.1:8080") -> None:
    """Send the pictures of a folder, and print a table and all that went wrong."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    client = httpx2.Client(base_url=url, timeout=TIMEOUT_SECONDS)
    with client, ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda path: judge(client, path), files))
    table: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path, (outcome, detail) in zip(files, found, strict=True):
        kind = path.suffix.lower().removeprefix(".")
        table[outcome][kind] += 1
        if outcome.startswith("refused"):
            reasons[detail.removeprefix("/image: ")][kind] += 1
        if not outcome.startswith(("exact", "refused")):
            print(f"{outcome}: {path.name}: {detail}")
    _print_table(f"outcome of {len(files)} files", table)
    _print_table("why they were refused", reasons)


def _print_table(title: str, table: Mapping[str, Counter[str]]) -> None:
    print(f"\n| {title} | files | by name |\n|---|--:|---|")
    for name, kinds in sorted(table.items(), key=lambda item: -item[1].total()):
        parts = [f"{count} {kind}" for kind, count in kinds.most_common(6)]
        rest = kinds.total() - sum(count for _, count in kinds.most_common(6))
        parts += [f"{rest} others"] if rest else []
        print(f"| {name} | {kinds.total()} | {', '.join(parts)} |")


def judge(client: httpx2.Client, path: Path) -> tuple[str, str]:
    """Return what became of a picture, and details."""
    began = time.monotonic()
    try:
        answer = client.post(
            "/outpaint",
            files={"image": (path.name, path.read_bytes())},
            data={"right": str(MARGIN), "method": "mirror", "mirror_style": "exact"},
            headers={"Prefer": "wait=60"},
        )
        document = answer.json()
        if answer.status_code >= 500:
            return f"answered by {answer.status_code}", document["detail"]
        if answer.status_code >= 400:
            return f"refused: {document['code']}", document["detail"]
        if document["status"] != "succeeded":
            error = document.get("error") or {"code": "hang", "detail": document["status"]}
            return _name_failure(error["code"]), error["detail"]
        result = client.get(f"/jobs/{document['id']}/result").content
    except httpx2.TransportError as error:
        return "hang", f"{error!r} after {time.monotonic() - began:.0f} s"
    return _compare(path.read_bytes(), result)


def _name_failure(code: str) -> str:
    return f"refused by the worker: {code}" if code == "image_undecodable" else f"failed: {code}"


def _compare(original: bytes, result: bytes) -> tuple[str, str]:
    is_deep = original[:8] == _PNG and original[24] == 16
    after = _read_deep(result) if is_deep else _read(result)
    before = _read_deep(original) if is_deep else _read(original)
    if before is None or after is None:
        return "taken, though Pillow does not decode it", ""
    kept = after[:, : after.shape[1] - MARGIN]
    if kept.shape != before.shape:
        return "other shape", f"{before.shape} became {kept.shape}"
    differing = int(np.count_nonzero(kept != before))
    return ("inexact", f"{differing} values differ") if differing else ("exact", "")


def _read_deep(data: bytes) -> Pixels | None:
    """Return what libpng sees of a PNG of 16 bits, with a transparent value as alpha."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    place = data.find(b"tRNS", 0, data.index(b"IDAT"))
    if pixels is None or place < 0 or data[25] > 2:
        return pixels if pixels is None else np.asarray(pixels)
    count = 1 if data[25] == 0 else 3
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = pixels[..., :3] if count == 3 else pixels[..., 0]
    value = struct.unpack_from(f">{count}H", data, place + 4)[::-1]
    planes = pixels.reshape(*pixels.shape[:2], -1)
    alpha = np.where((planes[..., :count] == value).all(axis=2), 0, 65535).astype(np.uint16)
    return np.dstack((cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if count == 1 else pixels, alpha))


def _read(data: bytes) -> Pixels | None:
    """Return what Pillow sees, upright by EXIF."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(_open(data))
    except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError):
        return None


def _open(data: bytes) -> Image.Image:
    file = io.BytesIO(data)
    is_heic = data[4:8] == b"ftyp" and b"avif" not in data[8:32]
    image = HeifImageFile(file) if is_heic else Image.open(file)
    image.load()
    for name in ("xmp", "XML:com.adobe.xmp", "Raw profile type exif"):
        image.info.pop(name, None)
    turned = ImageOps.exif_transpose(image)
    value = turned.info.get("transparency")
    if value is not None and turned.mode == "L" and data[:8] == _PNG and data[24] < 8:
        # Pillow scales the gray of few bits, and not the transparent value.
        turned.info["transparency"] = value * 255 // (2 ** data[24] - 1)
    mode = _PLAIN.get(turned.mode, turned.mode)
    if "transparency" in turned.info:
        mode = "LA" if mode == "L" else "RGBA"
    return turned.convert(mode)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
