"""HEIC files, which nothing here can encode, and changes to the boxes of HEIF files.

The four files show 96x64 pixels, or `odd` 95x63, encoded once by x265 through pillow-heif.
"""

from __future__ import annotations

import struct
from base64 import b64decode

PLAIN = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAAQ8AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34"
    "+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbqSSmu"
    "bgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAA"
    "QAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAARdtZGF0AAABCygBrxmA2gAY61dB8avO"
    "tlK3sHRJKzfoWNKIiJ5XXAQuLJQXS3/LZibn2qclPUOdNKzcDx0SbhzQOH6cBDvEQrp0yv+sgvJoRV7yKgMi5fb+"
    "MneL3ZtxTAl7Y9GvmBXAswi5e3lqHZs1AmM4X7QdY6sumNRlzccia7T8jripKx+x+aeVfkukur0JuzfvcwPT7doP"
    "LSl5yA08SgMcTOyxSyb7AUzvIwHQOFKalzN15oN73rr7fOCGEZmX/w7qoAnM1NaHI1QdB+HTaqm9VhzXwfOGeR69"
    "3gOrKP7KXOtV4BrN0bBfg1gxklMRtL2Ll+Uro3kYXYrX/UZLXOi+YknN+Oe1b8Jzs92610gsVA=="
)

ALPHA = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAkVtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAACaQABAAAAAAAAAQ8AAgAAAAADeAABAAAAAAAAABkAAAA4aWlu"
    "ZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAAACAABodmMxAAAAAA5waXRtAAAAAAABAAAB"
    "hGlwcnAAAAFeaXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAi"
    "QAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAAQAAAABBwaXhpAAAAAAMICAgAAAByaHZjQwEE"
    "CAAAAJ/4AAAAAB7wAPz8+PgAAA8DYAABABdAAQwB//8ECAAAAwCf+AAAAwAAHroCQGEAAQAmQgEBBAgAAAMAn/gA"
    "AAMAAB7AwgQWW6kkprmwIAAAAwMgAAADACFiAAEAB0QBwXKwIkAAAAAOcGl4aQAAAAABCAAAACdhdXhDAAAAAHVy"
    "bjptcGVnOmhldmM6MjAxNTphdXhpZDoxAAAAAB5pcG1hAAAAAAAAAAIAAQSBAgMEAAIEhQMGhwAAABppcmVmAAAA"
    "AAAAAA5hdXhsAAIAAQABAAABMG1kYXQAAAELKAGvGYDaABjrV0Hxq862UrewdEkrN+hY0oiInldcBC4slBdLf8tm"
    "JufapyU9Q500rNwPHRJuHNA4fpwEO8RCunTK/6yC8mhFXvIqAyLl9v4yd4vdm3FMCXtj0a+YFcCzCLl7eWodmzUC"
    "YzhftB1jqy6Y1GXNxyJrtPyOuKkrH7H5p5V+S6S6vQm7N+9zA9Pt2g8tKXnIDTxKAxxM7LFLJvsBTO8jAdA4UpqX"
    "M3Xmg3veuvt84IYRmZf/DuqgCczU1ocjVB0H4dNqqb1WHNfB84Z5Hr3eA6so/spc61XgGs3RsF+DWDGSUxG0vYuX"
    "5SujeRhditf9Rktc6L5iSc3457VvwnOz3brXSCxUAAAAFSgBrjPisOD//6OoOdhftH353TSMWA=="
)

ODD = b64decode(
    "AAAAGGZ0eXBoZWljAAAAAG1pZjFoZWljAAABfW1ldGEAAAAAAAAAIWhkbHIAAAAAAAAAAHBpY3QAAAAAAAAAAAAA"
    "AAAAAAAAImlsb2MAAAAAREAAAQABAAAAAAGdAAEAAAAAAAABFAAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEA"
    "AGh2YzEAAAAADnBpdG0AAAAAAAEAAAD9aXBycAAAAN1pcGNvAAAAdmh2Y0MBA3AAAACQAAAAAAAe8AD8/fj4AAAP"
    "A2AAAQAYQAEMAf//A3AAAAMAkAAAAwAAAwAeugJAYQABACpCAQEDcAAAAwCQAAADAAADAB6gMIEFlurkprm4CGgw"
    "IAAAAwMgAAADACFiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAAQAAAAChj"
    "bGFwAAAAXwAAAAEAAAA/AAAAAf////8AAAAC/////wAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAA"
    "AQABBYECAwWEAAABHG1kYXQAAAEQKAGvGUIjoPfiAlB8avOtlK3sHRJKzfoWNPoiJ5XXAQuLJQXS3/LZibn2qclP"
    "UOdNKzcDx8scnrqs0cQmf2IhB3cUOs4XTIF7vwKtTP/jp784nXu4mTo6lO+S18wJMaxANczJ6gNRWBbqr7B5Y9W7"
    "KEmMeomAVBBhkcBtPH/feixS1TyZScA8HunfnVkodl8qTTCKhXagrfxmjX+QPnAjG08BtQWfNWe4oZeWMX9DIGlA"
    "aDOqxMUPLa0vqXkYLzw2tUaBXgX8qzWr+2kakMT+NBerFBHgJaxneMPTvkdJR/udc8/Sw/oWZorxYQm1wSfv6VzH"
    "QcWQv5PltEP7kJXacIXRvICBgP04wxvj8HJhZCA="
)

DEEP = b64decode(
    "AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAVNtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABdwABAAAAAAAAARMAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA02lwcnAAAAC0aXBjbwAAAHVodmNDAQQIAAAAnbgAAAAAHvAA/P36"
    "+gAADwNgAAEAF0ABDAH//wQIAAADAJ24AAADAAAeugJAYQABAClCAQEECAAAAwCduAAAAwAAHqAwgQTZbqSSmubg"
    "IaDAgAAADIAAAAMAhGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAAQAAA"
    "ABBwaXhpAAAAAAMKCgoAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAARttZGF0AAABDygBrxmA/X64EoPjVvLZSuOw"
    "cabq36lfWOMT0pH5O6j3GSyX3lmx2Iw5cp6/zXgWQ21lUlCeZbcvWKmyYPg2zglKmlCBK7R/XqhwpkNtRfdPk57e"
    "JBt4e8mdqQ2RS+2P1U4IipbnuT8S9khG1T9YaBxZ4eEDt5zT3mNW4GjfGqb/r2vtknHW36Lf+m0Rup503W9KmzHc"
    "rwpoeXAsXMWB2es4xAGHta37Y8ZB9NM562GsmhheySU197RC7MxuJ4ygPK3DVmuhON3Kz0qaxdow81o6ReCMB6S5"
    "BmsAWx/B84DOn3a/MEk8tbZOWdAtZt9urhPmS2hhGTXq+wUIQ5rI58DJ+Rks3bAya03gqtfbZDw="
)


def find_box(data: bytes, kind: bytes) -> tuple[int, int]:
    """Return where the first box of a kind starts, and its length."""
    start = data.index(kind) - 4
    return start, int.from_bytes(data[start : start + 4])


def make_box(kind: bytes, data: bytes) -> bytes:
    """Return one box."""
    return struct.pack(">I4s", len(data) + 8, kind) + data


def add_property(data: bytes, box: bytes) -> bytes:
    """Return a HEIF file with one more property of its first item.

    Data is to follow the box of items, by places of four bytes and without a base.
    """
    store, length = find_box(data, b"ipco")
    count = sum(1 for _ in _iter_kinds(data[store + 8 : store + length]))
    added = {b"ipco": len(box), b"ipma": 1}
    for kind, more in ((b"ipma", 1), (b"ipco", len(box))):
        start, length = find_box(data, kind)
        end = start + length
        if kind == b"ipma":
            # After the count of items, the first one's number, and how many properties it has.
            place = start + 8 + 4 + 4 + 2
            data = data[:place] + bytes((data[place] + 1,)) + data[place + 1 :]
            place += 1 + data[place] - 1
            data = data[:place] + bytes((0x80 | count + 1,)) + data[place:]
        else:
            data = data[:end] + box + data[end:]
        data = _lengthen(data, kind, more)
    for kind in (b"iprp", b"meta"):
        data = _lengthen(data, kind, sum(added.values()))
    return _move_data(data, sum(added.values()))


def repeat_data(data: bytes, count: int) -> bytes:
    """Return a HEIF file of one item that names the file's last 4 kB as its data, many times."""
    data += make_box(b"free", bytes(4096))
    start, _ = find_box(data, b"iloc")
    # Behind the version, sizes, count of items, and the first one's number: its base.
    more, place = 8 * (count - 1), start + 20
    spans = struct.pack(">II", len(data) - 4096 + more, 4096) * count
    data = data[:place] + struct.pack(">IH", 0, count) + spans + data[place + 14 :]
    for kind in (b"iloc", b"meta"):
        data = _lengthen(data, kind, more)
    return data


def replace_places(data: bytes, box: bytes) -> bytes:
    """Return a HEIF file with another box that says where the data lies."""
    start, length = find_box(data, b"iloc")
    data = data[:start] + box + data[start + length :]
    return _lengthen(data, b"meta", len(box) - length)


def _iter_kinds(store: bytes) -> list[bytes]:
    kinds, place = [], 0
    while place < len(store):
        length, kind = struct.unpack_from(">I4s", store, place)
        kinds.append(kind)
        place += length
    return kinds


def _lengthen(data: bytes, kind: bytes, more: int) -> bytes:
    start, length = find_box(data, kind)
    return data[:start] + struct.pack(">I", length + more) + data[start + 4 :]


def _move_data(data: bytes, more: int) -> bytes:
    """Add to every place of data that the file names; there is one piece an item."""
    start, _ = find_box(data, b"iloc")
    moved, version = bytearray(data), data[start + 8]
    sizes = data[start + 12] >> 4, data[start + 12] & 15
    wide = data[start + 13] >> 4
    place = start + 16
    for _ in range(int.from_bytes(data[start + 14 : start + 16])):
        place += 4 + (2 if version else 0) + wide + 2
        (offset,) = struct.unpack_from(">I", data, place)
        if version == 0 or data[place - 2 - wide - 3] & 15 == 0:
            struct.pack_into(">I", moved, place, offset + more)
        place += sum(sizes)
    return bytes(moved)
