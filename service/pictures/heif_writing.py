"""Writes the boxes of a HEIF file anew, for the items that one picture is decoded from.

Decoders look at every item of a file: other pictures, thumbnails, profiles, metadata. They are
shown none of these.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from service.contract.errors import ImageUndecodable
from service.pictures.boxes import Items

_ESSENTIAL: Final = frozenset((b"hvcC", b"av1C", b"irot", b"imir", b"clap", b"lsel", b"a1op"))
_DECODED: Final = _ESSENTIAL | {b"ispe", b"pixi", b"auxC", b"a1lx"}
"""Properties that pixels are decoded from, beside code points of colors."""

_REFERENCES: Final = frozenset((b"dimg", b"auxl", b"prem"))


def write_boxes(items: Items, chosen: Sequence[int], brand: bytes) -> bytes:
    """Return the boxes that describe items whose data is in the file, which is to follow them.

    Args:
        items: of the file.
        chosen: numbers of those that are described, the primary one first.
        brand: of the file.

    Source: ISO/IEC 14496-12, 8.11; ISO/IEC 23008-12, 6 and 9.
    """
    numbers = {item: index + 1 for index, item in enumerate(chosen)}
    length = len(_write(items, numbers, brand, 0))
    return _write(items, numbers, brand, length)


def _write(items: Items, numbers: Mapping[int, int], brand: bytes, shift: int) -> bytes:
    handler = bytes(4) + b"pict" + bytes(13)
    meta = (
        _make_box(b"hdlr", bytes(4) + handler),
        _make_box(b"pitm", struct.pack(">IH", 0, 1)),
        _make_box(b"iloc", _list_places(items, numbers, shift)),
        _make_box(b"iinf", _list_kinds(items, numbers)),
        _make_box(b"iprp", _list_properties(items, numbers)),
        _make_box(b"iref", _list_references(items, numbers)),
    )
    head = _make_box(b"ftyp", brand + bytes(4) + brand + b"mif1miaf")
    # The last box goes on to the end of the file.
    end = struct.pack(">I4s", 0, b"mdat")
    return head + _make_box(b"meta", bytes(4) + b"".join(meta)) + end


def _make_box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data


def _list_places(items: Items, numbers: Mapping[int, int], shift: int) -> bytes:
    listed = struct.pack(">IHH", 0, 0x4400, len(numbers))
    for item, number in numbers.items():
        spans = items.spans.get(item, ())
        listed += struct.pack(">3H", number, 0, len(spans))
        for start, end in spans:
            if end + shift >= 2**32:
                raise ImageUndecodable("the file is too long")
            listed += struct.pack(">II", start + shift, end - start)
    return listed


def _list_kinds(items: Items, numbers: Mapping[int, int]) -> bytes:
    listed = struct.pack(">IH", 0, len(numbers))
    for item, number in numbers.items():
        # All but the primary one are hidden.
        entry = struct.pack(">IHH4sB", 0x02000000 | (number > 1), number, 0, items.kinds[item], 0)
        listed += _make_box(b"infe", entry)
    return listed


def _list_properties(items: Items, numbers: Mapping[int, int]) -> bytes:
    places: dict[tuple[bytes, bytes], int] = {}
    listed = struct.pack(">II", 1, len(numbers))
    for item, number in numbers.items():
        kept = [each for each in items.properties.get(item, []) if _is_decoded(*each)]
        listed += struct.pack(">HB", number, min(len(kept), 255))
        for each in kept[:255]:
            index = places.setdefault(each, len(places) + 1)
            listed += struct.pack(">H", (each[0] in _ESSENTIAL) << 15 | index)
    store = b"".join(_make_box(kind, data) for kind, data in places)
    return _make_box(b"ipco", store) + _make_box(b"ipma", listed)


def _is_decoded(kind: bytes, data: bytes) -> bool:
    return kind in _DECODED or (kind == b"colr" and data[:4] == b"nclx")


def _list_references(items: Items, numbers: Mapping[int, int]) -> bytes:
    listed = bytes(4)
    for kind, source, targets in items.references:
        if kind in _REFERENCES and source in numbers and set(targets) <= numbers.keys():
            known = [numbers[target] for target in targets]
            entry = struct.pack(f">2H{len(known)}H", numbers[source], len(known), *known)
            listed += _make_box(kind, entry)
    return listed
