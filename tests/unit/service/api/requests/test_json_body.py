from __future__ import annotations

import base64
import json

import pytest

from service.api.requests.json_body import MAX_VALUES, parse_object
from service.api.requests.references import decode_picture, read_picture
from service.contract.errors import BodyTooLarge, MalformedBody
from service.submission.intake import StoredPicture


def test_parse_object_turns_whole_floats_into_integers() -> None:
    assert parse_object(b'{"a": 3.0, "b": 3.5, "c": 1e2}') == {"a": 3, "b": 3.5, "c": 100}
    assert isinstance(parse_object(b'{"a": 3.0}')["a"], int)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b"[]", "must be an object"),
        (b"1", "must be an object"),
        (b"{", "is malformed"),
        (b'{"a": NaN}', "contains NaN or infinity"),
        (b'{"a": Infinity}', "contains NaN or infinity"),
        (b'{"a": 1e999}', "contains a number that is too large"),
        (
            b'{"a": ' + b"9" * 309 + b"}",
            "contains a number that is too large: more than 308 digits",
        ),
        (b'{"a": -' + b"9" * 5000 + b"}", "contains a number that is too large"),
        (b'{"a": 1, "a": 1}', "contains a name twice"),
        (b"\xff\xfe", "is not UTF-8"),
        (b'{"a":' * 50_000, "is nested too deeply"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "is nested too deeply: at most 32 levels"),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "is nested too deeply: at most 32 levels"),
    ],
)
def test_parse_object_says_why_it_refuses(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedBody, match=f"^the JSON {reason}"):
        parse_object(body)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 32 + "1" + "}" * 32,
        json.dumps({"a": "[" * 100 + '"\\' + "{" * 100, "b[": '\\"['}),
    ],
)
def test_parse_object_counts_levels_outside_of_texts(text: str) -> None:
    assert parse_object(text.encode()) == json.loads(text)


def test_parse_object_refuses_many_values_before_it_parses_them() -> None:
    with pytest.raises(BodyTooLarge, match="more than 500000 values"):
        parse_object(b'{"a": [' + b"0," * MAX_VALUES + b"0]}")


def test_parse_object_takes_numbers_up_to_what_a_double_holds() -> None:
    assert parse_object(b'{"a": -' + b"9" * 308 + b', "b": 1e308}') == {
        "a": 1 - 10**308,
        "b": int(1e308),
    }


def test_decode_picture_reads_base64_and_data_urls() -> None:
    text = base64.b64encode(b"abc").decode()
    assert decode_picture(text) == decode_picture(f"data:image/png;base64,{text}") == b"abc"


@pytest.mark.parametrize("value", [None, 1, {}, "?", "data:image/png,abc", "YWJ", "é"])
def test_read_picture_refuses(value: object) -> None:
    with pytest.raises(ValueError, match="base64"):
        read_picture(value, {})


def test_read_picture_opens_references() -> None:
    sources = {"part": lambda name: iter([name.encode()])}
    pieces = read_picture({"part": "abc"}, sources)
    assert not isinstance(pieces, StoredPicture)
    assert list(pieces) == [b"abc"]


def test_read_picture_returns_where_a_stored_picture_lies() -> None:
    stored = StoredPicture("jobs/upl_1/input/file", 3, "00")
    assert read_picture({"upload": "upl_1"}, {"upload": lambda name: stored}) is stored


@pytest.mark.parametrize("value", [{"url": "x"}, {"part": "a", "url": "b"}, {"part": 1}, {}])
def test_read_picture_refuses_references(value: object) -> None:
    with pytest.raises(ValueError, match="part"):
        read_picture(value, {"part": lambda name: iter([name.encode()])})


@pytest.mark.parametrize(
    "prefix",
    [
        "data:;base64,",
        "DATA:image/png;BASE64,",
        "data:image/png;charset=utf-8;base64,",
        'data:image/png;name="a, b.png";base64,',
        "data:image/png;name=a.png; base64,",
        "data:image/vnd.some+thing;a=b;c=d;base64,",
    ],
)
def test_decode_picture_reads_every_data_url_with_base64(prefix: str) -> None:
    assert decode_picture(prefix + "YWI+/w==") == b"ab>\xff"


@pytest.mark.parametrize("text", ["YWI+\r\n/w==\n", " YW I+\t/w= =", "data:;base64,YWI%2B/w%3D%3D"])
def test_decode_picture_reads_base64_with_blanks_and_escapes(text: str) -> None:
    assert decode_picture(text) == b"ab>\xff"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("YWI-_w==", "URL-safe alphabet; send the standard one"),
        ("data:image/png;base64,YWI-_w==", "URL-safe alphabet"),
        ("data:image/png,abcd", '";base64" is missing'),
        ("data:image/png;charset=utf-8,abcd", '";base64" is missing'),
        ("YWI+/w", "with its padding"),
        ("data:image/svg;utf8,<svg>", "must be base64"),
    ],
)
def test_decode_picture_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode_picture(text)
