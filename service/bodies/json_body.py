"""JSON bodies: strict, small, with pictures as base64 or data URLs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from typing import Any

from service.bodies.fields import MAX_FIELD_BYTES, Fields
from service.bodies.json_text import JsonRefused, parse_json
from service.contract.errors import BodyTooLarge, Fault, MalformedBody
from service.uploads import Intake

_DATA_URL = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,", re.IGNORECASE)


def read_json(body: bytes, intake: Intake, pictures: Collection[str]) -> Fields:
    """Read a JSON body.

    Args:
        body: the whole body.
        intake: where pictures go.
        pictures: names of the members that hold pictures.

    Raises:
        MalformedBody: it is no JSON object.
        BodyTooLarge: a decoded picture is too large, or the other members are.
    """
    _check_values(body)
    document = parse_object(body)
    values = {name: document.pop(name) for name in pictures if name in document}
    texts = sum(len(value) for value in values.values() if isinstance(value, str))
    _check_fields(len(body) - texts)
    faults = []
    for name, value in values.items():
        try:
            data = decode_picture(value)
        except ValueError as error:
            faults.append(Fault(f"/{name}", "invalid_field", str(error)))
            # There, though unusable: it must not be told to be missing as well.
            continue
        picture = intake.open_picture(name)
        picture.write(data)
        picture.finish()
    return Fields(document, False, tuple(faults))


def _check_values(body: bytes) -> None:
    """Refuse many small values before they are parsed: each takes thirty times its own bytes.

    Base64 holds none of these characters, so a picture is not counted.
    """
    _check_fields(sum(body.count(character) for character in b",[{"))


def _check_fields(size: int) -> None:
    if size > MAX_FIELD_BYTES:
        raise BodyTooLarge(f"the fields are larger than {MAX_FIELD_BYTES} bytes together")


def decode_picture(value: Any) -> bytes:
    """Decode a picture written as base64 or as a data URL.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, str):
        raise ValueError("must be a picture as base64 or data URL")
    prefix = _DATA_URL.match(value)
    try:
        return base64.b64decode(value[prefix.end() :] if prefix else value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64, or a data URL with base64") from None


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object: UTF-8, no NaN, no infinity, no name twice; 3.0 counts as an integer.

    Raises:
        MalformedBody: it is anything else.
    """
    try:
        document = parse_json(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedBody("the JSON is not UTF-8") from error
    except JsonRefused as error:
        raise MalformedBody(f"the JSON {error}") from error
    if not isinstance(document, dict):
        raise MalformedBody("the JSON must be an object")
    return document
