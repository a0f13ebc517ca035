"""The first page of a TIFF: its header, and a directory of its own to decode it by.

Decoders are shown a directory that holds what pixels are decoded from, and nothing else: no texts,
profiles or further directories.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from service.contract.errors import ImageUndecodable, UnsupportedMediaType
from service.pictures.exif import (
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    read_placement,
)
from service.pictures.picture_header import (
    MAX_PROFILE_BYTES,
    PictureHeader,
    profile_too_large,
)

SIGNATURES: Final = (b"II*\0", b"MM\0*")

MAX_FIELDS: Final = 512
MAX_DIRECTORIES: Final = 16
"""Limit of directories that are looked at: pages, and smaller copies of them."""

MAX_READ_BYTES: Final = 2 * 1024 * 1024
"""Limit of what pixels are decoded from, less the pixels: fields may overlap."""

MAX_PIECES: Final = 131_072
"""Limit of strips or tiles."""

MAX_TILE_PIXELS: Final = 16 * 1024 * 1024

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_FORMS: Final = {1: "B", 3: "H", 4: "I"}

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_PLACES, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_LENGTHS = 273, 274, 277, 278, 279
_PLANES, _COLOR_MAP, _TILE_WIDTH, _TILE_HEIGHT = 284, 320, 322, 323
_TILE_PLACES, _TILE_LENGTHS, _EXTRA, _SAMPLE_FORMAT = 324, 325, 338, 339
_SUBFILE, _PROFILE = 254, 34675

_DECODED: Final = (
    *(
        _WIDTH,
        _HEIGHT,
        _BITS,
        _COMPRESSION,
        _PHOTOMETRIC,
        266,
        _STRIP_PLACES,
        _SAMPLES,
        _STRIP_ROWS,
    ),
    *(_STRIP_LENGTHS, _PLANES, 292, 293, 317, _COLOR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILE_PLACES),
    *(_TILE_LENGTHS, _EXTRA, _SAMPLE_FORMAT, 347, 529, 530, 531, 532),
)
"""Fields that pixels are decoded from, in order. Source: TIFF 6.0, appendix A."""

_READ: Final = frozenset(
    (*_DECODED, _ORIENTATION, _SUBFILE, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)
)

_COMPRESSIONS: Final = {1: "none", 2: "CCITT", 3: "CCITT", 4: "CCITT", 5: "LZW", 7: "JPEG"} | {
    8: "deflate",
    32773: "PackBits",
    32946: "deflate",
}

_MODES: Final = {
    ("gray", 1, ()): "L",
    ("gray", 2, (2,)): "LA",
    ("RGB", 3, ()): "RGB",
    ("RGB", 4, (1,)): "RGBA",
    ("RGB", 4, (2,)): "RGBA",
    ("palette", 1, ()): "P",
    ("YCbCr", 3, ()): "RGB",
    ("CMYK", 4, ()): "CMYK",
}
"""Modes by colors, number of channels, and what channels beyond the colors mean."""

_PHOTOMETRICS: Final = {0: "gray", 1: "gray", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr"}


@dataclass(frozen=True)
class _Field:
    """One field: its type, number of values and their bytes."""

    kind: int
    count: int
    data: bytes


class _Directory:
    """One directory, and where the next one is.

    Args:
        file: the whole file.
        order: its byte order, as `struct` writes it.
        place: of the directory.
    """

    def __init__(self, file: BinaryIO, order: str, place: int) -> None:
        self._file, self.order, self.place = file, order, place
        file.seek(place)
        (count,) = struct.unpack(order + "H", file.read(2))
        if count > MAX_FIELDS:
            raise ImageUndecodable("the TIFF has too many fields")
        table = file.read(12 * count)
        self._table = {
            tag: (kind, values, at + 8, target)
            for at, (tag, kind, values, target) in zip(
                range(place + 2, place + 2 + 12 * count, 12),
                struct.iter_unpack(order + "HHII", table),
                strict=True,
            )
        }
        (self.following,) = struct.unpack(order + "I", file.read(4))
        if len(self._table) < count:
            raise ImageUndecodable("the TIFF repeats a field that must be single")
        wanted = _READ & self._table.keys()
        self.fields: dict[int, _Field] = {}
        budget = MAX_READ_BYTES
        for tag in sorted(wanted):
            self.fields[tag] = self.read(tag, budget)
            budget -= len(self.fields[tag].data)

    def read(self, tag: int, limit: int) -> _Field:
        """Return a field of at most so many bytes.

        Raises:
            ImageUndecodable: it is longer, or not within the file.
        """
        kind, count, place, target = self._table[tag]
        length = _SIZES.get(kind, 0) * count
        if not 0 < length <= limit:
            raise ImageUndecodable("the TIFF has a field of a wrong length")
        self._file.seek(place if length <= 4 else target)
        data = self._file.read(length)
        if len(data) < length:
            raise ImageUndecodable("the TIFF is cut short")
        return _Field(kind, count, data)

    def has(self, tag: int) -> bool:
        """Return whether the directory has a field."""
        return tag in self._table

    def measure(self, tag: int) -> int:
        """Return the length of a field in bytes."""
        kind, count, *_ = self._table[tag]
        return int(_SIZES.get(kind, 0) * count)

    def values(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the whole numbers of a field.

        Raises:
            ImageUndecodable: it has others, or too many.
        """
        field = self.fields.get(tag)
        if field is None:
            return default
        if field.kind not in _FORMS or field.count > MAX_PIECES:
            raise ImageUndecodable("the TIFF has a field of a wrong type or length")
        return struct.unpack(f"{self.order}{field.count}{_FORMS[field.kind]}", field.data)

    def value(self, tag: int, default: int = 0) -> int:
        """Return the first whole number of a field."""
        return int(self.values(tag, (default,))[0])


def read_tiff(file: BinaryIO) -> PictureHeader:
    """Read the header of a TIFF of one page; its pixels are not read.

    Raises:
        UnsupportedMediaType: it has several pages, or is coded in a rare way.
        ImageUndecodable: it breaks the rules of the format, or is cut short.
        InvalidField: its color profile or its EXIF is too large.

    Source: TIFF 6.0.
    """
    size = file.seek(0, 2)
    file.seek(0)
    order = "<" if file.read(2) == b"II" else ">"
    file.seek(4)
    page = _Directory(file, order, struct.unpack(order + "I", file.read(4))[0])
    mode = _find_mode(page)
    places = _check_pieces(page, size)
    prefix = _make_directory(page, places)
    orientation = page.value(_ORIENTATION, 1)
    return PictureHeader(
        "tiff",
        page.value(_WIDTH),
        page.value(_HEIGHT),
        mode=mode,
        depth=max(page.values(_BITS, (1,))),
        animated=_has_pages(file, page),
        orientation=orientation if orientation in range(1, 9) else 1,
        resolution=read_placement(_make_block(page))[1],
        profile=_read_profile(page),
        pixels=((0, size),),
        prefix=prefix,
    )


def _has_pages(file: BinaryIO, first: _Directory) -> bool:
    """Return whether the file has further pages; smaller copies of a page, and masks, are none."""
    following, seen = first.following, {first.place}
    for _ in range(MAX_DIRECTORIES):
        if not following or following in seen:
            return False
        seen.add(following)
        page = _Directory(file, first.order, following)
        if not page.value(_SUBFILE) & 5:
            return True
        following = page.following
    return True


def _find_mode(page: _Directory) -> str:
    """Return Pillow's mode of a page.

    Raises:
        UnsupportedMediaType: it is coded in a way that is not taken.
    """
    compression = _COMPRESSIONS.get(page.value(_COMPRESSION, 1))
    if compression is None:
        raise UnsupportedMediaType(
            "the TIFF is compressed in a rare way; send it with LZW, or a PNG"
        )
    colors = _PHOTOMETRICS.get(page.value(_PHOTOMETRIC, -1))
    samples, extra = page.value(_SAMPLES, 1), page.values(_EXTRA)
    mode = _MODES.get((colors or "", samples, extra))
    is_even = len(set(page.values(_BITS, (1,)))) == 1
    if mode is None or not is_even or set(page.values(_SAMPLE_FORMAT, (1,))) != {1}:
        raise UnsupportedMediaType("the TIFF is neither gray nor RGB of whole numbers; send a PNG")
    bits = page.value(_BITS, 1)
    is_odd = bits < 8 and samples > 1
    if is_odd or (colors == "YCbCr" and compression != "JPEG"):
        raise UnsupportedMediaType("the TIFF is coded in a rare way; send a PNG")
    return "1" if mode == "L" and bits == 1 else mode


def _check_pieces(page: _Directory, size: int) -> dict[int, tuple[int, ...]]:
    """Check that all strips or tiles are there, and return where they are by their field.

    Raises:
        ImageUndecodable: one is missing or not within the file.
    """
    width, height = page.value(_WIDTH), page.value(_HEIGHT)
    if not width or not height:
        raise ImageUndecodable("the TIFF has no pixels")
    planes = page.value(_SAMPLES, 1) if page.value(_PLANES, 1) == 2 else 1
    if page.has(_TILE_PLACES):
        across, down = page.value(_TILE_WIDTH), page.value(_TILE_HEIGHT)
        if not 0 < across * down <= MAX_TILE_PIXELS:
            raise ImageUndecodable("the TIFF's tiles have a wrong size")
        count = -(-width // across) * -(-height // down) * planes
        tags = _TILE_PLACES, _TILE_LENGTHS
    else:
        rows = min(page.value(_STRIP_ROWS, height), height)
        count = -(-height // rows) * planes if rows else 0
        tags = _STRIP_PLACES, _STRIP_LENGTHS
    places, lengths = (page.values(tag) for tag in tags)
    if not len(places) == len(lengths) == count:
        raise ImageUndecodable("the TIFF has another number of strips or tiles than its size needs")
    if any(place + length > size for place, length in zip(places, lengths, strict=True)):
        raise ImageUndecodable("the TIFF is cut short")
    return {tags[0]: places}


def _make_directory(page: _Directory, places: Mapping[int, tuple[int, ...]]) -> bytes:
    """Return a TIFF's header and a directory; the file is to follow it."""
    chosen = {tag: page.fields[tag] for tag in _DECODED if tag in page.fields}
    start = 8 + 2 + 12 * len(chosen) + 4
    lengths = [
        4 * len(places[tag]) if tag in places else _even(len(field.data))
        for tag, field in chosen.items()
    ]
    total = start + sum(length for length in lengths if length > 4)
    fields: dict[int, _Field] = dict(chosen)
    for tag, each in places.items():
        if each and max(each) + total >= 2**32:
            raise ImageUndecodable("the TIFF has a field of a wrong length")
        moved = struct.pack(f"{page.order}{len(each)}I", *(place + total for place in each))
        fields[tag] = _Field(4, len(each), moved)
    mark = SIGNATURES[0] if page.order == "<" else SIGNATURES[1]
    table, behind = b"".join(_write(page.order, fields, start)), b""
    behind = b"".join(
        field.data.ljust(_even(len(field.data)), b"\0")
        for field in fields.values()
        if _even(len(field.data)) > 4
    )
    count = struct.pack(page.order + "H", len(fields))
    return mark + struct.pack(page.order + "I", 8) + count + table + bytes(4) + behind


def _write(order: str, fields: Mapping[int, _Field], start: int) -> Iterator[bytes]:
    for tag, field in fields.items():
        length = _even(len(field.data))
        value = field.data.ljust(4, b"\0")
        if length > 4:
            value = struct.pack(order + "I", start)
            start += length
        yield struct.pack(order + "HHI", tag, field.kind, field.count) + value


def _even(length: int) -> int:
    return length + length % 2


def _make_block(page: _Directory) -> bytes:
    """Return an EXIF block with the page's resolution alone."""
    tags = (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)
    chosen = {tag: page.fields[tag] for tag in tags if tag in page.fields}
    start = 8 + 2 + 12 * len(chosen) + 4
    mark = SIGNATURES[0] if page.order == "<" else SIGNATURES[1]
    head = mark + struct.pack(page.order + "IH", 8, len(chosen))
    table = b"".join(_write(page.order, chosen, start)) + bytes(4)
    long = (field.data for field in chosen.values() if len(field.data) > 4)
    return head + table + b"".join(long)


def _read_profile(page: _Directory) -> bytes | None:
    if not page.has(_PROFILE):
        return None
    if page.measure(_PROFILE) > MAX_PROFILE_BYTES:
        raise profile_too_large()
    return page.read(_PROFILE, MAX_PROFILE_BYTES).data
