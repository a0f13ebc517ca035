"""The boxes of a HEIF file: which items it holds, where they lie, and what describes them."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple, TypeVar

from service.contract.errors import ImageUndecodable
from service.pictures.picture_header import Span

MAX_BOXES: Final = 4096
"""Limit of boxes beside each other; a photo of 48 megapixels has some 200 items."""

MAX_META_BYTES: Final = 2 * 1024 * 1024
MAX_ENTRIES: Final = 16_384
"""Limit of a list: of pieces of data, of what describes items, of references."""


class Box(NamedTuple):
    """One box: its kind, and where its content lies."""

    kind: bytes
    start: int
    end: int


class Reference(NamedTuple):
    """Items that an item refers to, in order."""

    kind: bytes
    source: int
    targets: tuple[int, ...]


@dataclass
class Items:
    """The items of a file.

    Attributes:
        primary: number of the picture that is shown.
        kinds: kind of each item by its number.
        spans: parts of the file that are an item's data, in order.
        properties: kind and content of what describes an item, in order.
        references: of all items.
    """

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    spans: dict[int, tuple[Span, ...]] = field(default_factory=dict)
    properties: dict[int, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    _described: dict[int, dict[bytes, bytes]] = field(default_factory=dict)

    def describe(self, item: int) -> Mapping[bytes, bytes]:
        """Return what describes an item by its kind, the first of each."""
        # Kept: a hostile file has thousands of references to an item of as many properties.
        if item not in self._described:
            self._described[item] = dict(reversed(self.properties.get(item, [])))
        return self._described[item]

    def refer(self, kind: bytes, source: int) -> tuple[int, ...]:
        """Return the items that an item refers to."""
        found = (each.targets for each in self.references if each[:2] == (kind, source))
        return next(found, ())

    def measure(self, item: int) -> int:
        """Return the length of an item's data."""
        return sum(end - start for start, end in self.spans.get(item, ()))


Entry = TypeVar("Entry")


def _bound(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries of a list.

    Raises:
        ImageUndecodable: there are too many.
    """
    for count, entry in enumerate(entries):
        if count >= MAX_ENTRIES:
            raise ImageUndecodable("the file has too long a list of items")
        yield entry


def iter_file(file: BinaryIO) -> Iterator[Box]:
    """Yield the boxes of a file.

    Raises:
        ImageUndecodable: one is cut short, or there are too many.
    """
    size, position = file.seek(0, 2), 0
    for _ in range(MAX_BOXES):
        if position >= size:
            return
        file.seek(position)
        box = _read_box(file.read(16), position, size)
        yield box
        position = box.end
    raise ImageUndecodable("the file has too many boxes")


def iter_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two places of what was read.

    Raises:
        ImageUndecodable: one is cut short, or there are too many.
    """
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        box = _read_box(data[start : start + 16], start, end)
        yield box
        start = box.end
    raise ImageUndecodable("the file has too many boxes")


def _read_box(head: bytes, position: int, end: int) -> Box:
    """Read the head of a box. Source: ISO/IEC 14496-12, 4.2."""
    length, kind = struct.unpack_from(">I4s", head)
    begin = position + 8
    if length == 1:
        (length,) = struct.unpack_from(">Q", head, 8)
        begin += 8
    stop = position + length if length else end
    if not begin <= stop <= end:
        raise ImageUndecodable("the file is cut short, or a box has a wrong length")
    return Box(kind, begin, stop)


def read_items(file: BinaryIO, meta: Box) -> Items:
    """Read the box that describes the items; their data is not read.

    Args:
        file: the whole file.
        meta: the box.

    Raises:
        ImageUndecodable: it is too large or contradicts itself, or data lies outside of the file.
        ValueError, struct.error, IndexError: it is broken.

    Source: ISO/IEC 14496-12, 8.11; ISO/IEC 23008-12, 6 and 9.
    """
    if meta.end - meta.start > MAX_META_BYTES:
        raise ImageUndecodable("the file has too long a list of items")
    size = file.seek(0, 2)
    file.seek(meta.start)
    data = file.read(meta.end - meta.start)
    boxes = {box.kind: box for box in iter_boxes(data, 4, len(data))}
    items = Items(_read_primary(data, boxes[b"pitm"]))
    items.kinds = dict(_bound(_iter_kinds(data, boxes[b"iinf"])))
    own = boxes.get(b"idat")
    spans = _iter_spans(data, boxes[b"iloc"], own.start + meta.start if own else None)
    items.spans = _collect_spans(spans, size)
    items.properties = _read_properties(data, boxes[b"iprp"])
    if b"iref" in boxes:
        items.references = list(_iter_references(data, boxes[b"iref"]))
    return items


def _read_primary(data: bytes, box: Box) -> int:
    form = ">H" if data[box.start] == 0 else ">I"
    return int(struct.unpack_from(form, data, box.start + 4)[0])


def _iter_kinds(data: bytes, box: Box) -> Iterator[tuple[int, bytes]]:
    start = box.start + (6 if data[box.start] == 0 else 8)
    for entry in iter_boxes(data, start, box.end):
        form = {2: ">H2x4s", 3: ">I2x4s"}.get(data[entry.start])
        if form is not None and entry.kind == b"infe":
            number, kind = struct.unpack_from(form, data, entry.start + 4)
            yield number, kind


class _Fields:
    """Reads numbers of some bytes one after the other."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place

    def take(self, count: int) -> int:
        piece = self._data[self._place : self._place + count]
        if len(piece) < count:
            raise ValueError("the numbers end early")
        self._place += count
        return int.from_bytes(piece)


def _iter_spans(data: bytes, box: Box, own: int | None) -> Iterator[tuple[int, Span | None]]:
    """Yield item and place of each piece of data; `None` for one that lies in another item."""
    version, fields = data[box.start], _Fields(data, box.start + 4)
    sizes = fields.take(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version else 0
    for _ in _bound(range(fields.take(2 if version < 2 else 4))):
        item = fields.take(2 if version < 2 else 4)
        method = fields.take(2) & 15 if version else 0
        fields.take(2)
        base = fields.take(base_bytes)
        for _ in range(fields.take(2)):
            fields.take(index_bytes)
            start, length = base + fields.take(offset_bytes), fields.take(length_bytes)
            if method == 1 and own is not None:
                start += own
            elif method:
                # Not skipped: a piece may take no byte, and only what is yielded is counted.
                yield item, None
                continue
            yield item, (start, start + length)


def _collect_spans(
    found: Iterator[tuple[int, Span | None]], size: int
) -> dict[int, tuple[Span, ...]]:
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for item, span in _bound(found):
        if span is None:
            continue
        if span[1] > size:
            raise ImageUndecodable("the file is cut short")
        spans[item].append(span)
    return {item: tuple(parts) for item, parts in spans.items()}


def _read_properties(data: bytes, box: Box) -> dict[int, list[tuple[bytes, bytes]]]:
    inner = list(iter_boxes(data, box.start, box.end))
    (store,) = (each for each in inner if each.kind == b"ipco")
    known = [
        (each.kind, data[each.start : each.end])
        for each in iter_boxes(data, store.start, store.end)
    ]
    found: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for each in inner:
        if each.kind == b"ipma":
            for item, index in _bound(_iter_associations(data, each)):
                if index:
                    found[item].append(known[index - 1])
    return found


def _iter_associations(data: bytes, box: Box) -> Iterator[tuple[int, int]]:
    version, is_wide = data[box.start], data[box.start + 3] & 1
    fields = _Fields(data, box.start + 4)
    for _ in _bound(range(fields.take(4))):
        item = fields.take(2 if version < 1 else 4)
        for _ in range(fields.take(1)):
            yield item, fields.take(1 + is_wide) & (0x7FFF if is_wide else 0x7F)


def _iter_references(data: bytes, box: Box) -> Iterator[Reference]:
    size = 2 if data[box.start] == 0 else 4
    for each in _bound(iter_boxes(data, box.start + 4, box.end)):
        fields = _Fields(data, each.start)
        source = fields.take(size)
        targets = tuple(_bound(fields.take(size) for _ in range(fields.take(2))))
        yield Reference(each.kind, source, targets)
