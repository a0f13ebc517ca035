"""The form of a request: its pictures and fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Picture = tuple[str, bytes]
"""File name and content."""


def build_form(
    image: Picture,
    mask: Picture | None,
    source_mask: Picture | None,
    params: Mapping[str, object] | None,
) -> dict[str, Any]:
    """Build the form of a request, as arguments of httpx2."""
    pictures = {"image": image, "mask": mask, "source_mask": source_mask}
    files = {name: picture for name, picture in pictures.items() if picture is not None}
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return {"files": files, "data": {name: _write_field(value) for name, value in given.items()}}


def _write_field(value: object) -> str:
    """Return the text of a form field: text and numbers unchanged, all else as JSON."""
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if is_plain else json.dumps(value)
