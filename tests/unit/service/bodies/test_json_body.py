from __future__ import annotations

import base64

import pytest

from service.bodies.json_body import decode_picture, parse_object
from service.contract.errors import MalformedBody


def test_parse_object_turns_whole_floats_into_integers() -> None:
    assert parse_object(b'{"a": 3.0, "b": 3.5, "c": 1e2}') == {"a": 3, "b": 3.5, "c": 100}
    assert isinstance(parse_object(b'{"a": 3.0}')["a"], int)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 1}',
        b"\xff\xfe",
        b'{"a":' * 50_000,
    ],
)
def test_parse_object_refuses(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_object(body)


def test_decode_picture_reads_base64_and_data_urls() -> None:
    text = base64.b64encode(b"abc").decode()
    assert decode_picture(text) == decode_picture(f"data:image/png;base64,{text}") == b"abc"


@pytest.mark.parametrize("value", [None, 1, {}, "?", "YWJj\n", "data:image/png,abc", "YWJ", "é"])
def test_decode_picture_refuses(value: object) -> None:
    with pytest.raises(ValueError, match="base64"):
        decode_picture(value)
