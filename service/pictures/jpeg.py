"""The segments of a JPEG."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from service.contract.errors import ImageUndecodable, UnsupportedMediaType
from service.pictures.exif import read_placement
from service.pictures.picture_header import (
    MAX_PROFILE_BYTES,
    PictureHeader,
    Resolution,
    Span,
    join_spans,
    make_resolution,
    profile_too_large,
)

SIGNATURE: Final = b"\xff\xd8\xff"

MAX_SEGMENTS: Final = 4096
"""Limit before the pixels, fill bytes included; walking 25 million takes a minute."""

MAX_SCANS: Final = 100
"""Limit; progressive files have about ten. A scan of 14 bytes costs a pass over all coefficients:
without a limit, one file of 1 MB keeps a decoder busy for an hour."""

MAX_SCANNED_PIXELS: Final = 512_000_000
"""Limit for scans times pixels: 32 scans of 16 megapixels take about half a second."""

MAX_STRAY_BYTES: Final = 1024 * 1024
"""Limit for bytes between segments, which decoders skip; cameras leave a few."""

_BLOCK_BYTES: Final = 64 * 1024
_STRAY_BLOCK_BYTES: Final = 1024

# Between segments, libjpeg takes no other byte behind FF for none.
_FIRST_MARKER: Final = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)

# Within a scan FF is followed by 00, or by one of eight restart markers.
_MARKER: Final = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TAKEN_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive; all by Huffman codes."""

# JFIF and Adobe say how colors are coded. Decoders need no other application data or comments.
_UNSEEN: Final = (frozenset(range(0xE1, 0xF0)) - {0xEE}) | {0xFE}


@dataclass
class _Findings:
    """The segments read before the first scan."""

    frame: tuple[int, int, int, int, int] | None = None
    exif: bytes | None = None
    density: Resolution | None = None
    profile: dict[int, bytes] = field(default_factory=dict)
    profile_parts: int = 0
    spans: list[Span] = field(default_factory=lambda: [(0, 2)])

    def take(self, marker: int, body: bytes) -> None:
        """Keep the content of a segment."""
        if marker in _FRAMES and self.frame is None:
            depth, height, width, channels = struct.unpack_from(">BHHB", body)
            self.frame = (marker, depth, height, width, channels)
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            unit, x, y = struct.unpack_from(">BHH", body, 7)
            per = "inch" if unit == 1 else "centimeter" if unit == 2 else "none"
            self.density = make_resolution(x, y, per)  # type: ignore[arg-type]
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and self.exif is None:
            self.exif = body[6:]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            self.profile[body[12]] = body[14:]
            self.profile_parts = body[13]

    def join_profile(self) -> bytes | None:
        """Return the profile if all of its parts are there. Source: ICC.1:2022, annex B.4."""
        if sum(map(len, self.profile.values())) > MAX_PROFILE_BYTES:
            raise profile_too_large()
        if not self.profile or sorted(self.profile) != list(range(1, self.profile_parts + 1)):
            return None
        return b"".join(self.profile[part] for part in sorted(self.profile))


def read_jpeg(file: BinaryIO) -> PictureHeader:
    """Read the header of a JPEG, and walk its scans to its end marker.

    Raises:
        ImageUndecodable: its segments break the rules of the format, or it has no end.
        UnsupportedMediaType: it is coded in a way that most decoders do not support.
        InvalidField: its color profile is too large.

    Source: ITU-T T.81, annex B; T.871 (JFIF), section 10.
    """
    found = _Findings()
    start = _walk_segments(file, found)
    if found.frame is None:
        raise ImageUndecodable("the JPEG has no frame header")
    marker, depth, height, width, channels = found.frame
    if marker not in _TAKEN_FRAMES:
        raise UnsupportedMediaType(
            "the JPEG is arithmetic-coded, lossless or hierarchical; send a baseline JPEG or a PNG"
        )
    if channels not in (1, 3, 4):
        raise ImageUndecodable("the JPEG has neither one nor three color channels")
    orientation, resolution = read_placement(found.exif)
    end, has_more = _find_end(file, start, width * height)
    measured = found.density if found.density and found.density.per != "none" else None
    return PictureHeader(
        "jpeg",
        width,
        height,
        mode={1: "L", 3: "RGB", 4: "CMYK"}[channels],
        depth=depth,
        channels=channels,
        is_buffered=marker == 0xC2 or _count_scanned(file, start) < channels,
        is_plain=not has_more,
        orientation=orientation,
        resolution=measured or resolution or found.density,
        exif=found.exif,
        profile=found.join_profile(),
        pixels=join_spans([*found.spans, (start, end)]),
    )


def _count_scanned(file: BinaryIO, start: int) -> int:
    """Return the number of channels in the scan at a position. Source: ITU-T T.81, B.2.3."""
    file.seek(start + 4)
    return file.read(1)[0]


def _walk_segments(file: BinaryIO, found: _Findings) -> int:
    """Read the segments before the first scan, and return its position."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        position, marker = _find_segment(file, position)
        if marker == 0xDA:
            return position
        if marker == 0xD9:
            raise ImageUndecodable("the JPEG ends before its pixels")
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            position += 2
        else:
            position = _take_segment(file, found, position, marker)
    raise ImageUndecodable("the JPEG has too many segments")


def _find_segment(file: BinaryIO, position: int) -> tuple[int, int]:
    """Return the position of the next marker, and the marker; stray bytes before it are skipped."""
    file.seek(position)
    prefix, marker = file.read(2)
    if prefix == 0xFF and marker != 0x00:
        return position, marker
    end, marker = _next_marker(file, position, _FIRST_MARKER, _STRAY_BLOCK_BYTES)
    if end - position > MAX_STRAY_BYTES:
        raise ImageUndecodable("the JPEG has too many bytes between its segments")
    return end - 2, marker


def _take_segment(file: BinaryIO, found: _Findings, position: int, marker: int) -> int:
    """Keep the content of a segment, and return the position behind it."""
    file.seek(position + 2)
    (length,) = struct.unpack(">H", file.read(2))
    if length < 2:
        raise ImageUndecodable("the JPEG has a segment of a wrong length")
    found.take(marker, file.read(length - 2))
    end = position + 2 + int(length)
    if marker not in _UNSEEN:
        found.spans.append((position, end))
    return end


def _find_end(file: BinaryIO, start: int, pixels: int) -> tuple[int, bool]:
    """Return the position behind the end marker, and whether segments follow the first scan.

    What is behind the end marker is not part of the picture.
    """
    position, scans = start, 0
    for count in range(MAX_SEGMENTS):
        position, marker = _next_marker(file, position, _MARKER, _BLOCK_BYTES)
        if marker == 0xD9:
            return position, count > 1
        scans += marker == 0xDA
        if scans > MAX_SCANS or scans * pixels > MAX_SCANNED_PIXELS + pixels:
            raise ImageUndecodable("the JPEG has too many scans; save it as a baseline JPEG")
        if marker != 0x01:
            file.seek(position)
            position += int.from_bytes(file.read(2))
    raise ImageUndecodable("the JPEG has too many segments")


def _next_marker(
    file: BinaryIO, position: int, pattern: re.Pattern[bytes], block_bytes: int
) -> tuple[int, int]:
    """Return the position behind the next marker, and the marker."""
    file.seek(position)
    tail = b""
    while block := file.read(block_bytes):
        window = tail + block
        if found := pattern.search(window):
            return position - len(tail) + found.end(), found[1][0]
        position += len(block)
        tail = window[-1:]
    raise ImageUndecodable("the JPEG is cut short: it has no end marker")
