from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage
from werkzeug.sansio.multipart import Field, File
from werkzeug.test import encode_multipart

from service.api.requests.fields import MAX_FIELD_BYTES, Fields
from service.api.requests.multipart import (
    MAX_HEAD_BYTES,
    MAX_HEADS_BYTES,
    read_multipart,
    split_parts,
)
from service.contract.errors import BodyTooLarge, MalformedBody, PaintjobError
from service.store.blobs import BlobStore
from service.submission.intake import Intake

DISPOSITION = b'Content-Disposition: form-data; name="%s"\r\n\r\n'


def _intake(limit: int = 25_000_000) -> Intake:
    return Intake("job_x", BlobStore.open("memory://"), lambda job_id: None, limit)


def _read(body: bytes, boundary: str = "x", intake: Intake | None = None) -> Fields:
    return read_multipart(io.BytesIO(body), boundary, intake or _intake(), ("image", "mask"))


def _part(name: bytes, data: bytes) -> bytes:
    return b"--x\r\n" + DISPOSITION % name + data + b"\r\n"


def test_read_multipart_parts_pictures_from_fields() -> None:
    intake = _intake()
    file = FileStorage(io.BytesIO(b"picture"), "a.png")
    boundary, body = encode_multipart({"image": file, "seed": "1", "prompt": "a é"})
    fields = _read(body, boundary, intake)
    assert fields.document == {"seed": "1", "prompt": "a é"}
    assert fields.is_text
    with intake.pictures["image"].open() as opened:
        assert opened.read() == b"picture"


@pytest.mark.parametrize("length", [MAX_HEAD_BYTES, 60_000, 400_000])
def test_read_multipart_bounds_the_headers_of_a_part(length: int) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="seed"\r\nX: ' + b"a" * length
    with pytest.raises(BodyTooLarge, match=f"a part {MAX_HEAD_BYTES} bytes of headers"):
        _read(head + b"\r\n\r\n1\r\n--x--\r\n")


def test_split_parts_bounds_the_headers_of_all_parts() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="a"\r\nX: ' + b"a" * 16_000
    body = (head + b"\r\n\r\n1\r\n") * 100 + b"--x--\r\n"
    opened = []

    def open_part(part: Field | File) -> Callable[[bytes], None]:
        opened.append(part.name)
        return lambda data: None

    with pytest.raises(BodyTooLarge, match=f"parts {MAX_HEADS_BYTES}"):
        split_parts(io.BytesIO(body), "x", open_part, 3000)
    assert len(opened) < 100


def test_read_multipart_takes_a_picture_without_a_file_name() -> None:
    intake = _intake()
    _read(_part(b"image", b"picture") + b"--x--\r\n", intake=intake)
    assert intake.pictures["image"].bytes == 7


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 1_000_000])
def test_read_multipart_keeps_every_byte(size: int) -> None:
    intake = _intake()
    data = bytes(index * 7 % 256 for index in range(1000)) * (size // 1000 + 1)
    _read(_part(b"image", data[:size]) + b"--x--\r\n", intake=intake)
    with intake.pictures["image"].open() as opened:
        assert opened.read() == data[:size]


def test_read_multipart_keeps_what_only_looks_like_a_delimiter() -> None:
    intake = _intake()
    data = (b"\r\n--xy" + bytes(100)) * 2000
    _read(_part(b"image", data) + b"--x--\r\n", intake=intake)
    with intake.pictures["image"].open() as opened:
        assert opened.read() == data


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"--x",
        b"--y\r\n\r\n--y--",
        _part(b"seed", b"1"),
        _part(b"seed", b"1") + b"--x",
        _part(b"seed", b"\xff") + b"--x--\r\n",
        b"--x\r\nfoo: bar\r\n\r\n1\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
        _part(b"params", b"[1]") + b"--x--\r\n",
    ],
)
def test_read_multipart_refuses_what_is_broken(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        _read(body)


@pytest.mark.parametrize(
    "body",
    [
        _part(b"prompt", b"x" * (MAX_FIELD_BYTES + 1)) + b"--x--\r\n",
        b"".join(_part(b"f%d" % index, b"x" * 40_000) for index in range(60)) + b"--x--\r\n",
        b"".join(_part(b"f%d" % index, b"") for index in range(65)) + b"--x--\r\n",
        b"--x\r\n" + b"a: b\r\n" * 100_000,
    ],
)
def test_read_multipart_bounds_memory(body: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        _read(body)


def test_read_multipart_bounds_a_picture() -> None:
    with pytest.raises(BodyTooLarge):
        _read(_part(b"image", b"x" * 200) + b"--x--\r\n", intake=_intake(limit=100))


def test_read_multipart_tells_what_is_sent_twice() -> None:
    body = _part(b"seed", b"1") + _part(b"seed", b"2") + _part(b"image", b"a")
    fields = _read(body + _part(b"image", b"b") + b"--x--\r\n")
    assert [fault.pointer for fault in fields.faults] == ["/seed", "/image"]
    assert fields.document == {"seed": "1"}


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_read_multipart_raises_its_own_errors_only(tail: bytes) -> None:
    for head in (b"", b"--x\r\n", b'--x\r\nContent-Disposition: form-data; name="image"'):
        try:
            _read(head + tail)
        except PaintjobError:
            continue


def test_read_multipart_leaves_no_blob_of_a_cut_upload(tmp_path: Path) -> None:
    blobs = BlobStore.open(tmp_path.as_uri())
    intake = Intake("job_x", blobs, lambda job_id: None, 25_000_000)
    with pytest.raises(MalformedBody):
        _read(_part(b"image", b"x" * 6_000_000), intake=intake)
    assert blobs.list("jobs/") == []


@pytest.mark.parametrize("head", [b'; filename=""', b""])
def test_read_multipart_takes_an_empty_part_without_a_file_name_as_absent(head: bytes) -> None:
    intake = _intake()
    part = b'--x\r\nContent-Disposition: form-data; name="mask"' + head + b"\r\n\r\n"
    fields = _read(part + b"\r\n" + part + b"data\r\n--x--\r\n", intake=intake)
    assert fields == Fields({}, True)
    assert intake.pictures["mask"].bytes == 4
    intake = _intake()
    _read(part + b"\r\n--x--\r\n", intake=intake)
    assert "mask" not in intake.pictures


def test_read_multipart_keeps_an_empty_file_with_a_name() -> None:
    intake = _intake()
    part = b'--x\r\nContent-Disposition: form-data; name="mask"; filename="m.png"\r\n\r\n'
    _read(part + b"\r\n--x--\r\n", intake=intake)
    assert intake.pictures["mask"].bytes == 0
