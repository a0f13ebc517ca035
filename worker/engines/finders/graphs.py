"""Files of finders in ONNX' format, and pictures as their nets take them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.errors import ModelUnavailable
from service.contract.finders import FinderEntry
from worker.engines.pinning import check_files, find_folder
from worker.imaging import ImageArray

Colors = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Means and deviations of red, green and blue, 0 .. 1, that a net was trained with."""

IMAGENET: Colors = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CENTERED: Colors = ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))


def find_graph(entry: FinderEntry, index: int = 0) -> Path:
    """Return the path of one of a finder's files; its source may be that file itself.

    Raises:
        ModelUnavailable: it is not here, or has changed.
    """
    check_files(entry)
    source = Path(entry.source)
    if source.is_file():
        return source
    if index >= len(entry.files):
        raise ModelUnavailable(f"the finder {entry.name} must name its files in `files`")
    name = entry.files[index]
    file = find_folder(entry.name, entry.source, entry.revision, list(entry.files)) / name
    if not file.is_file():
        raise ModelUnavailable(f"the finder {entry.name} has no file {name}")
    return file


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, as recipes name weights without a revision."""
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def make_planes(image: ImageArray, size: tuple[int, int], colors: Colors) -> NDArray[np.float32]:
    """Return a picture as a net takes it: (1, 3, height, width).

    Args:
        image: RGB.
        size: width and height.
        colors: means and deviations.
    """
    way = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=way).astype(np.float32) / np.float32(255)
    mean, deviation = (np.array(one, np.float32) for one in colors)
    return np.ascontiguousarray(((resized - mean) / deviation).transpose(2, 0, 1)[None])


def enlarge(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return a plane (h, w) at the picture's size."""
    large = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)
