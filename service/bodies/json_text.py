"""Strict JSON text: no NaN, no infinity, no name twice."""

from __future__ import annotations

import json
import math
from typing import Any


def parse_json(text: str) -> Any:
    """Parse JSON; 3.0 counts as an integer.

    Raises:
        ValueError: it is broken, or holds NaN, infinity, or a name twice.
        RecursionError: it is nested too deeply.

    Source: RFC 8259; JSON Schema calls a number with a zero fraction an integer.
    """
    return json.loads(
        text,
        parse_float=_parse_number,
        parse_constant=_refuse_constant,
        object_pairs_hook=_refuse_doubles,
    )


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
