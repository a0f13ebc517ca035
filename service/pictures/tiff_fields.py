"""The directories of a TIFF: fields by their numbers, read within bounds and written anew."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from service.contract.errors import ImageUndecodable

SIGNATURES: Final = (b"II*\0", b"MM\0*")

MAX_FIELDS: Final = 512

MAX_READ_BYTES: Final = 2 * 1024 * 1024
"""Limit of what is read of a directory, less the pixels: fields may overlap."""

MAX_PIECES: Final = 131_072
"""Limit of strips or tiles."""

_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value, by its type's number. Source: TIFF 6.0, section 2."""

_FORMS: Final = {1: "B", 3: "H", 4: "I", 13: "I"}


@dataclass(frozen=True)
class Field:
    """One field: its type, number of values and their bytes."""

    kind: int
    count: int
    data: bytes


class Directory:
    """One directory, and where the next one is.

    Args:
        file: the whole file.
        order: its byte order, as `struct` writes it.
        place: of the directory.
        tags: fields that are read; `None` for all.

    Raises:
        ImageUndecodable: it is too large, repeats a field, or is not within the file.
        struct.error: it is cut short.
    """

    def __init__(
        self, file: BinaryIO, order: str, place: int, tags: Collection[int] | None
    ) -> None:
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
        wanted = self._table.keys() if tags is None else self._table.keys() & tags
        self.fields: dict[int, Field] = {}
        budget = MAX_READ_BYTES
        for tag in sorted(wanted):
            self.fields[tag] = self.read(tag, budget)
            budget -= len(self.fields[tag].data)

    def read(self, tag: int, limit: int) -> Field:
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
        return Field(kind, count, data)

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


def write_file(order: str, fields: Mapping[int, Field]) -> bytes:
    """Return a TIFF's header and one directory."""
    mark = SIGNATURES[0] if order == "<" else SIGNATURES[1]
    return mark + struct.pack(order + "I", 8) + write_directory(order, fields, 8)


def write_directory(order: str, fields: Mapping[int, Field], start: int) -> bytes:
    """Return a directory, followed by the values that do not fit into its fields.

    Args:
        order: byte order, as `struct` writes it.
        fields: by their numbers.
        start: where it will be in the file.
    """
    behind = start + 2 + 12 * len(fields) + 4
    ordered = dict(sorted(fields.items()))
    table = b"".join(_write(order, ordered, behind))
    long = b"".join(
        field.data.ljust(_even(len(field.data)), b"\0")
        for field in ordered.values()
        if _even(len(field.data)) > 4
    )
    return struct.pack(order + "H", len(fields)) + table + bytes(4) + long


def _write(order: str, fields: Mapping[int, Field], start: int) -> Iterator[bytes]:
    for tag, field in fields.items():
        length = _even(len(field.data))
        value = field.data.ljust(4, b"\0")
        if length > 4:
            value = struct.pack(order + "I", start)
            start += length
        yield struct.pack(order + "HHI", tag, field.kind, field.count) + value


def _even(length: int) -> int:
    return length + length % 2
