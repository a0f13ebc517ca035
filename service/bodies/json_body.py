"""JSON bodies: strict, small, with pictures as base64 or data URLs."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Collection
from typing import Any

from service.bodies.fields import Fields
from service.contract.errors import Fault, MalformedBody
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
        BodyTooLarge: a decoded picture is too large.
    """
    document = parse_object(body)
    faults = []
    for name in pictures:
        if name not in document:
            continue
        try:
            data = decode_picture(document.pop(name))
        except ValueError as error:
            faults.append(Fault(f"/{name}", "invalid_field", str(error)))
            # There, though unusable: it must not be told to be missing as well.
            continue
        picture = intake.open_picture(name)
        picture.write(data)
        picture.finish()
    return Fields(document, False, tuple(faults))


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

    Source: RFC 8259; JSON Schema calls a number with a zero fraction an integer.
    """
    try:
        document = json.loads(
            body.decode(),
            parse_float=_parse_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_doubles,
        )
    except (ValueError, RecursionError) as error:
        raise MalformedBody("the JSON is broken, or holds a name twice, NaN or infinity") from error
    if not isinstance(document, dict):
        raise MalformedBody("the JSON must be an object")
    return document


def _parse_number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("infinity")
    return int(number) if number.is_integer() else number


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found
