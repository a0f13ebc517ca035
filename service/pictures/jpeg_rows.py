"""A JPEG cut down to its first rows, so that a decoder checks its tables in little time."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import BinaryIO, Final

from service.pictures.picture_header import PictureHeader
from service.pictures.splice import splice

ROWS: Final = 8
"""Rows of the smallest block, which a decoder needs in any case."""

SCAN_BYTES: Final = 1024
"""Coded data that are kept; a decoder that wants more only warns, and goes on."""

_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_SCAN: Final = 0xDA
_END: Final = b"\xff\xd9"
# Coded data up to the first marker that does not belong to them. A lone FF at the end is left out.
_CODED: Final = re.compile(rb"(?:[^\xff]+|\xff[\x00\xd0-\xd7])*")


def cut_to_rows(file: BinaryIO, header: PictureHeader) -> tuple[BinaryIO, PictureHeader]:
    """Return a JPEG of `ROWS` rows with the tables of a file and the beginning of its scan.

    Decoders refuse it if they refuse the file: coded data that make no sense are no error to
    them, so all that they refuse is in the segments before the scan.

    Args:
        file: seekable; a plain JPEG that is not buffered, see `PictureHeader`.
        header: of the file.
    """
    view = splice(file, header.pixels)
    height, head = min(header.height, ROWS), bytearray(view.read(2))
    while True:
        segment = view.read(4)
        marker, length = segment[1], int.from_bytes(segment[2:])
        body = bytearray(view.read(length - 2))
        if marker in _FRAMES:
            body[1:3] = height.to_bytes(2)
        head += segment + body
        if marker == _SCAN:
            break
    coded = _CODED.match(view.read(SCAN_BYTES))
    data = bytes(head) + (coded[0] if coded else b"") + _END
    return io.BytesIO(data), replace(header, height=height, pixels=((0, len(data)),))
