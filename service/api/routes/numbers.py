"""Whole numbers in the query of a URL."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.datastructures import MultiDict

from service.contract.errors import Fault
from service.contract.faults import raise_faults

Rule = tuple[int, int, int]
"""The least and the largest value, and the default."""


def read_numbers(query: MultiDict[str, str], rules: Mapping[str, Rule]) -> dict[str, int]:
    """Read the query parameters of a call that has no others.

    Args:
        query: the query.
        rules: by name of the parameter.

    Raises:
        PaintjobError: the query is invalid.
    """
    values, faults = {name: default for name, (_, _, default) in rules.items()}, []
    if set(query) - set(rules):
        known = " and ".join(rules)
        message = f"the only query parameters here are {known}"
        faults.append(Fault("", "unknown_field", message))
    for name, (least, most, _) in rules.items():
        texts = query.getlist(name)
        if all(_is_number(text, least, most) for text in texts) and len(texts) < 2:
            values[name] = int(texts[0]) if texts else values[name]
        else:
            message = f"{name} must be a whole number from {least} to {most}, given once"
            faults.append(Fault("", "invalid_field", message))
    raise_faults(faults)
    return values


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most
