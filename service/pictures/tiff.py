"""The first page of a TIFF: its header, and a directory of its own to decode it by.

Decoders are shown a directory that holds what pixels are decoded from, and nothing else: no texts,
profiles or further directories.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO, Final

from service.contract.errors import ImageUndecodable, UnsupportedMediaType
from service.pictures.exif import (
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    read_placement,
)
from service.pictures.picture_header import (
    MAX_EXIF_BYTES,
    MAX_PROFILE_BYTES,
    PictureHeader,
    exif_too_large,
    profile_too_large,
)
from service.pictures.tiff_fields import Directory, Field, write_directory, write_file

MAX_DIRECTORIES: Final = 16
"""Limit of directories that are looked at: pages, and smaller copies of them."""

MAX_TILE_PIXELS: Final = 16 * 1024 * 1024
"""Limit of one tile, and of what all tiles decode beside four times the picture's pixels."""

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

_POINTERS: Final = (34665, 34853)
"""Fields that point to EXIF's own directory, and to that of GPS."""

_DESCRIBING: Final = (
    270,
    271,
    272,
    X_RESOLUTION,
    Y_RESOLUTION,
    RESOLUTION_UNIT,
    305,
    306,
    315,
    33432,
)
"""Fields that EXIF has, too, in order."""

_READ: Final = frozenset((*_DECODED, *_DESCRIBING, *_POINTERS, _ORIENTATION, _SUBFILE))

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
    page = Directory(file, order, struct.unpack(order + "I", file.read(4))[0], _READ)
    mode = _find_mode(page)
    places = _check_pieces(page, size)
    prefix = _make_directory(page, places)
    orientation, exif = page.value(_ORIENTATION, 1), _read_exif(file, page)
    return PictureHeader(
        "tiff",
        page.value(_WIDTH),
        page.value(_HEIGHT),
        mode=mode,
        depth=max(page.values(_BITS, (1,))),
        animated=_has_pages(file, page),
        orientation=orientation if orientation in range(1, 9) else 1,
        resolution=read_placement(exif)[1],
        exif=exif,
        profile=_read_profile(page),
        pixels=((0, size),),
        prefix=prefix,
    )


def _has_pages(file: BinaryIO, first: Directory) -> bool:
    """Return whether the file has further pages; smaller copies of a page, and masks, are none."""
    following, seen = first.following, {first.place}
    for _ in range(MAX_DIRECTORIES):
        if not following or following in seen:
            return False
        seen.add(following)
        page = Directory(file, first.order, following, (_SUBFILE,))
        if not page.value(_SUBFILE) & 5:
            return True
        following = page.following
    return True


def _find_mode(page: Directory) -> str:
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


def _check_pieces(page: Directory, size: int) -> dict[int, tuple[int, ...]]:
    """Check that all strips or tiles are there, and return where they are by their field.

    Raises:
        ImageUndecodable: one is missing or not within the file.
    """
    width, height = page.value(_WIDTH), page.value(_HEIGHT)
    if not width or not height:
        raise ImageUndecodable("the TIFF has no pixels")
    if page.has(_TILE_PLACES) and page.has(_STRIP_PLACES):
        raise ImageUndecodable("the TIFF has both strips and tiles")
    planes = page.value(_SAMPLES, 1) if page.value(_PLANES, 1) == 2 else 1
    if page.has(_TILE_PLACES):
        across, down = page.value(_TILE_WIDTH), page.value(_TILE_HEIGHT)
        if not 0 < across * down <= MAX_TILE_PIXELS:
            raise ImageUndecodable("the TIFF's tiles have a wrong size")
        tiles = -(-width // across) * -(-height // down)
        # Tiles may overhang, and all may lie at one place: a small file would be decoded for hours.
        if tiles * across * down > 4 * width * height + MAX_TILE_PIXELS:
            raise ImageUndecodable("the TIFF's tiles are too large for the picture")
        count, tags = tiles * planes, (_TILE_PLACES, _TILE_LENGTHS)
    else:
        rows = min(page.value(_STRIP_ROWS, height), height)
        count = -(-height // rows) * planes if rows else 0
        tags = (_STRIP_PLACES, _STRIP_LENGTHS)
    places, lengths = (page.values(tag) for tag in tags)
    if not len(places) == len(lengths) == count:
        raise ImageUndecodable("the TIFF has another number of strips or tiles than its size needs")
    if any(place + length > size for place, length in zip(places, lengths, strict=True)):
        raise ImageUndecodable("the TIFF is cut short")
    return {tags[0]: places}


def _make_directory(page: Directory, places: Mapping[int, tuple[int, ...]]) -> bytes:
    """Return a TIFF's header and a directory of the page; the file is to follow it."""
    fields = {tag: page.fields[tag] for tag in _DECODED if tag in page.fields}
    for tag, each in places.items():
        fields[tag] = Field(4, len(each), bytes(4 * len(each)))
    length = len(write_file(page.order, fields))
    for tag, each in places.items():
        if max(each) + length >= 2**32:
            raise ImageUndecodable("the TIFF has a field of a wrong length")
        moved = struct.pack(f"{page.order}{len(each)}I", *(place + length for place in each))
        fields[tag] = Field(4, len(each), moved)
    return write_file(page.order, fields)


def _read_exif(file: BinaryIO, page: Directory) -> bytes | None:
    """Return what the page and the directories beside it say, as an EXIF block.

    Raises:
        InvalidField: it is too large.
    """
    fields = {tag: field for tag, field in page.fields.items() if tag in _DESCRIBING}
    inner = {tag: found for tag in _POINTERS if (found := _read_inner(file, page, tag))}
    fields |= {tag: Field(4, 1, bytes(4)) for tag in inner}
    block = write_file(page.order, fields)
    for tag, each in inner.items():
        fields[tag] = Field(4, 1, struct.pack(page.order + "I", len(block)))
        block += write_directory(page.order, each, len(block))
        if len(block) > MAX_EXIF_BYTES:
            raise exif_too_large()
    head = write_file(page.order, fields)
    return head + block[len(head) :] if fields else None


def _read_inner(file: BinaryIO, page: Directory, tag: int) -> Mapping[int, Field] | None:
    """Return the fields of a directory that a field points to; `None` if it cannot be read."""
    try:
        place = page.value(tag)
        return Directory(file, page.order, place, None).fields if place else None
    except (ImageUndecodable, struct.error):
        return None


def _read_profile(page: Directory) -> bytes | None:
    if not page.has(_PROFILE):
        return None
    if page.measure(_PROFILE) > MAX_PROFILE_BYTES:
        raise profile_too_large()
    return page.read(_PROFILE, MAX_PROFILE_BYTES).data
