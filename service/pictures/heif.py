"""The header of a HEIF file: AVIF, whose data is AV1, and HEIC, whose data is HEVC.

Of its items one is shown, the primary one: a picture, or a grid of them. Thumbnails, depth and gain
maps, and further pictures, do not count.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final, NamedTuple

from service.contract.errors import ImageUndecodable, UnsupportedMediaType
from service.pictures.av1 import check_av1
from service.pictures.boxes import Items, iter_file, read_items
from service.pictures.exif import read_placement
from service.pictures.heif_writing import write_boxes
from service.pictures.hevc import check_hevc
from service.pictures.picture_header import (
    MAX_EXIF_BYTES,
    MAX_PROFILE_BYTES,
    PictureHeader,
    exif_too_large,
    profile_too_large,
)
from service.pictures.splice import splice

SIGNATURE: Final = b"ftyp"
"""Bytes behind the first four of every such file."""

MAX_UNITS: Final = 8192
"""Limit of units in the data of all tiles."""

MAX_SHARED_BYTES: Final = 16 * 1024 * 1024
"""Limit of what tiles are decoded from beyond the file's length: they may share their data."""

UNIT_BUFFER_BYTES: Final = 512

MAX_TILES: Final = 1024
"""Limit; a photo of 48 megapixels has 192 tiles of 512x512."""

_CODES: Final = {b"av01": "avif", b"hvc1": "heic"}
_BRANDS: Final = {"avif": b"avif", "heic": b"heic"}
_CONFIGS: Final = {"avif": b"av1C", "heic": b"hvcC"}
_ALPHA: Final = frozenset(
    (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
)

# By angle, in quarters counterclockwise, and the axis of a mirror: 0 upside down, 1 left to right.
_ORIENTATIONS: Final = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 0): 4,
    (1, 0): 5,
    (2, 0): 2,
    (3, 0): 7,
    (0, 1): 2,
    (1, 1): 7,
    (2, 1): 4,
    (3, 1): 5,
}

_UNSPECIFIED: Final = 2
_SRGB: Final = (1, 13)


class _Tiling(NamedTuple):
    """Items with the data of a picture, and the size of each."""

    items: tuple[int, ...]
    size: tuple[int, int]


def read_heif(file: BinaryIO) -> PictureHeader:
    """Read the header of an AVIF or HEIC; its pixels are not read.

    Orientation is that of the container alone; viewers ignore that of its EXIF.

    Raises:
        UnsupportedMediaType: it holds neither, or is put together in a rare way.
        ImageUndecodable: its boxes contradict themselves or its data, or it is cut short.
        InvalidField: its color profile or its EXIF is too large.

    Source: ISO/IEC 23008-12, sections 6 to 10; AV1 Image File Format, sections 2 to 4.
    """
    boxes = {box.kind: box for box in iter_file(file)}
    if b"moov" in boxes:
        return PictureHeader("avif", 1, 1, animated=True)
    if b"meta" not in boxes:
        raise UnsupportedMediaType("the file holds no picture; send a PNG or JPEG")
    items = read_items(file, boxes[b"meta"])
    size = _read_size(items, items.primary)
    tiling = _find_tiles(file, items, items.primary, size)
    name = _CODES[items.kinds[tiling.items[0]]]
    alpha = _find_alpha(items, tiling.items)
    every = [tiling]
    if alpha is not None:
        every.append(_find_tiles(file, items, alpha, _read_size(items, alpha)))
    depth = _check_tiles(file, items, every)
    profile, code = _read_colors(items)
    exif, orientation = _read_exif(file, items), _read_orientation(items)
    size = _crop(items, size, name)
    if name == "heic":
        # Its decoder turns it.
        size, orientation = (size[::-1] if orientation >= 5 else size), 1
    return PictureHeader(
        name,
        *size,
        mode="RGB" if alpha is None else "RGBA",
        depth=depth,
        orientation=orientation,
        resolution=read_placement(exif)[1],
        exif=exif,
        profile=profile,
        color_space=((b"cICP", code),) if code else (),
        pixels=((0, file.seek(0, 2)),),
        prefix=write_boxes(items, _list_decoded(items, alpha, every), _BRANDS[name]),
    )


def _read_size(items: Items, item: int) -> tuple[int, int]:
    width, height = struct.unpack_from(">4xII", items.describe(item)[b"ispe"])
    return width, height


def _crop(items: Items, size: tuple[int, int], name: str) -> tuple[int, int]:
    """Return the size of the picture without what its container crops.

    Encoders so write odd sizes as even ones. Pillow's reader of AVIF does not crop.

    Raises:
        UnsupportedMediaType: it is cropped, and no reader of the format does so.
        ImageUndecodable: it is cropped to more than there is, or to parts of a pixel.
    """
    found = items.describe(items.primary).get(b"clap")
    if found is None:
        return size
    across, wide, down, high = struct.unpack_from(">4I", found)
    cropped = across // wide, down // high
    fits = all(0 < part <= whole for part, whole in zip(cropped, size, strict=True))
    if across % wide or down % high or not fits:
        raise ImageUndecodable("the picture is cropped to more than there is")
    if name == "avif" and cropped != size:
        raise UnsupportedMediaType("the AVIF is cropped by its container; crop it yourself")
    return cropped


def _find_tiles(file: BinaryIO, items: Items, item: int, size: tuple[int, int]) -> _Tiling:
    """Return the items that hold a picture's data.

    Raises:
        UnsupportedMediaType: it is neither a picture nor a grid of pictures.
        ImageUndecodable: the grid is no such.
    """
    kind = items.kinds.get(item)
    if kind in _CODES:
        return _Tiling((item,), size)
    if kind != b"grid":
        raise UnsupportedMediaType("the picture is coded or put together in a rare way; send a PNG")
    tiles = items.refer(b"dimg", item)
    grid = _read_item(file, items, item, 12)
    form = ">II" if grid[1] & 1 else ">HH"
    rows, columns = grid[2] + 1, grid[3] + 1
    kinds = {items.kinds.get(tile) for tile in tiles}
    if (
        len(tiles) != rows * columns
        or len(tiles) > MAX_TILES
        or struct.unpack_from(form, grid, 4) != size
    ):
        raise ImageUndecodable("the picture's grid has another size or number of tiles")
    if len(kinds) != 1 or not kinds <= _CODES.keys():
        raise UnsupportedMediaType("the picture is coded or put together in a rare way; send a PNG")
    width, height = _read_size(items, tiles[0])
    # Decoders hold all tiles: they may overhang by less than one.
    if not (0 <= columns * width - size[0] < width and 0 <= rows * height - size[1] < height):
        raise ImageUndecodable("the tiles of the picture do not fit its size")
    return _Tiling(tiles, (width, height))


def _list_decoded(items: Items, alpha: int | None, every: list[_Tiling]) -> list[int]:
    """Return the items that the picture is decoded from, the primary one first."""
    heads = [items.primary, *([] if alpha is None else [alpha])]
    return list(dict.fromkeys([*heads, *(tile for each in every for tile in each.items)]))


def _find_alpha(items: Items, tiles: tuple[int, ...]) -> int | None:
    """Return the item that is the alpha of the primary one; `None` if there is none.

    Raises:
        UnsupportedMediaType: the tiles of a grid have alpha of their own.
    """
    found = None
    for each in items.references:
        kind = items.describe(each.source).get(b"auxC", b"")[4:].partition(b"\0")[0]
        if each.kind != b"auxl" or each.source not in items.kinds or kind not in _ALPHA:
            continue
        if items.primary in each.targets:
            found = each.source if found is None else found
        elif set(tiles) & set(each.targets):
            raise UnsupportedMediaType("the tiles of the picture have alpha apart; send a PNG")
    return found


def _check_tiles(file: BinaryIO, items: Items, every: list[_Tiling]) -> int:
    """Check that the data of each tile is one picture of its size, and return the depth in bits."""
    deepest = units = 0
    tiles = {(tile, each.size) for each in every for tile in each.items}
    if sum(items.measure(tile) for tile, _ in tiles) > file.seek(0, 2) + MAX_SHARED_BYTES:
        raise ImageUndecodable("the picture's data is longer than the file")
    for tile, size in sorted(tiles):
        depth, more = _check_data(file, items, tile, size)
        deepest, units = max(deepest, depth), units + more
        if units > MAX_UNITS:
            raise ImageUndecodable("the picture's data has too many units")
    return deepest


def _check_data(file: BinaryIO, items: Items, item: int, size: tuple[int, int]) -> tuple[int, int]:
    """Check that an item's data is one picture of a size.

    Returns:
        Its depth in bits, and its number of units.
    """
    name = _CODES[items.kinds[item]]
    found = items.describe(item)
    if struct.unpack_from(">4xII", found[b"ispe"]) != size:
        raise ImageUndecodable("the tiles of the picture have different sizes")
    config, length = found[_CONFIGS[name]], items.measure(item)
    if not length:
        raise ImageUndecodable("the picture has no data")
    data = splice(file, items.spans[item], buffer_bytes=UNIT_BUFFER_BYTES)
    if name == "avif":
        depth = 12 if config[2] >> 5 & 1 else 10 if config[2] >> 6 & 1 else 8
        return depth, check_av1(data, length, size)
    return 8 + max(config[17] & 7, config[18] & 7), check_hevc(data, length, config, size)


def _read_orientation(items: Items) -> int:
    """Return what turns the picture upright.

    Raises:
        UnsupportedMediaType: it is mirrored before it is turned.
    """
    kinds = [kind for kind, _ in items.properties.get(items.primary, [])]
    found = items.describe(items.primary)
    if b"irot" in found and b"imir" in kinds[: kinds.index(b"irot")]:
        raise UnsupportedMediaType("the picture is mirrored before it is turned; send a PNG")
    angle = found[b"irot"][0] & 3 if b"irot" in found else 0
    return _ORIENTATIONS[angle, found[b"imir"][0] & 1 if b"imir" in found else None]


def _read_colors(items: Items) -> tuple[bytes | None, bytes | None]:
    """Return the color profile, and the code points of the colors as a PNG has them."""
    profile = code = None
    for kind, data in items.properties.get(items.primary, []):
        if kind != b"colr":
            continue
        if data[:4] in (b"prof", b"rICC") and profile is None:
            profile = data[4:]
        elif data[:4] == b"nclx" and code is None:
            code = struct.unpack_from(">HH", data, 4)
    if profile is not None and len(profile) > MAX_PROFILE_BYTES:
        raise profile_too_large()
    # A profile counts before them, and unlike in a PNG they would count before it.
    if profile or code is None or _UNSPECIFIED in code or code == _SRGB or max(code) > 255:
        return profile or None, None
    # Decoded to RGB of full range.
    return None, bytes((*code, 0, 1))


def _read_exif(file: BinaryIO, items: Items) -> bytes | None:
    """Return the EXIF block that describes the primary item."""
    for each in items.references:
        is_exif = items.kinds.get(each.source) == b"Exif"
        if each.kind == b"cdsc" and items.primary in each.targets and is_exif:
            if items.measure(each.source) > MAX_EXIF_BYTES:
                raise exif_too_large()
            data = _read_item(file, items, each.source, MAX_EXIF_BYTES)
            if len(data) < 4:
                return None
            return data[4 + int.from_bytes(data[:4]) :] or None
    return None


def _read_item(file: BinaryIO, items: Items, item: int, limit: int) -> bytes:
    return splice(file, items.spans.get(item, ())).read(limit)
