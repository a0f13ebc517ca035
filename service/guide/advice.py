"""Advice about each error, from the table in `docs/errors.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from service.guide.pages import load_pages

ERRORS = "errors.md"

_ROW = re.compile(r"^\| `(?P<code>\w+)` \|[^|]*\|[^|]*\| (?P<advice>.+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@cache
def load_advice() -> Mapping[str, str]:
    """Return the last column of the table by code, in Markdown."""
    return {row["code"]: row["advice"] for row in _ROW.finditer(load_pages()[ERRORS].text)}


def find_advice(code: str) -> str:
    """Return when an error occurs and what to do, as plain text; empty for an unknown code."""
    return _LINK.sub(r"\1", load_advice().get(code, ""))
