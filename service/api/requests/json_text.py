"""Strict JSON text: no NaN, no infinity, no name twice."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DIGITS = 308
"""Limit for the digits of an integer: a longer one would be more than a double can hold."""

_TOO_LARGE = f"holds a number that is too large: of more than {MAX_DIGITS} digits"


class JsonRefused(ValueError):
    """What is wrong with a text, told in words that follow its name; they echo nothing of it."""


def parse_json(text: str) -> Any:
    """Parse JSON; 3.0 counts as an integer.

    Raises:
        JsonRefused: it is empty, broken or nested too deeply, or holds a name twice, NaN, infinity
            or a number that no double can hold.

    Source: RFC 8259; JSON Schema calls a number with a zero fraction an integer.
    """
    if not text.strip():
        raise JsonRefused("is empty")
    try:
        return json.loads(
            text,
            parse_int=_parse_integer,
            parse_float=_parse_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_doubles,
        )
    except json.JSONDecodeError:
        raise JsonRefused("is broken") from None
    except RecursionError:
        raise JsonRefused("is nested too deeply") from None


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
    raise JsonRefused("holds NaN or infinity")


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise JsonRefused("holds a name twice")
    return found
