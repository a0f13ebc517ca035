"""Strict JSON text: no NaN, no infinity, no name twice."""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 32
"""Limit for objects and lists within each other; a region's polygon lies seven deep."""

_OTHERS = bytes(set(range(256)) - set(b'"[]{}'))
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')

MAX_DIGITS = 308
"""Limit for the digits of an integer: a double cannot represent more."""

_TOO_LARGE = f"contains a number that is too large: more than {MAX_DIGITS} digits"


class JsonRefused(ValueError):
    """Error: a text is not strict JSON; the message follows its name and does not quote it."""


def parse_json(text: str) -> Any:
    """Parse JSON; 3.0 counts as an integer.

    Raises:
        JsonRefused: it is empty, malformed or nested too deeply, or contains a name twice, NaN,
        infinity or a number that a double cannot represent.

    Source: RFC 8259; JSON Schema calls a number with a zero fraction an integer.
    """
    if not text.strip():
        raise JsonRefused("is empty")
    if _is_deep(text):
        raise JsonRefused(f"is nested too deeply: at most {MAX_DEPTH} levels")
    try:
        return json.loads(
            text,
            parse_int=_parse_integer,
            parse_float=_parse_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_doubles,
        )
    except json.JSONDecodeError:
        raise JsonRefused("is malformed") from None
    except RecursionError:
        raise JsonRefused("is nested too deeply") from None


def _is_deep(text: str) -> bool:
    """Return whether a text has more than `MAX_DEPTH` levels, by counting brackets alone."""
    data = text.encode(errors="surrogatepass")
    if b"\\" in data:
        data = _ESCAPE.sub(b"", data)
    brackets = _STRING.sub(b"", data.translate(_AS_LISTS, _OTHERS))
    for _ in range(MAX_DEPTH):
        inner = brackets
        brackets = inner.replace(b"[]", b"")
        if brackets == inner:
            # None are left, or they do not match, which the parser reports.
            return False
    return bool(brackets)


def _parse_integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise JsonRefused(_TOO_LARGE)
    return int(text)


def _parse_number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise JsonRefused(_TOO_LARGE)
    return int(number) if number.is_integer() else number


def _refuse_constant(text: str) -> None:
    raise JsonRefused("contains NaN or infinity")


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise JsonRefused("contains a name twice")
    return found
