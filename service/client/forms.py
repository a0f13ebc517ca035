"""The bodies of requests: pictures and fields."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Picture = tuple[str, bytes] | bytes | Path
"""A file, its content, or its name and content."""

JobMask = Mapping[str, str]
"""`{"job": id}`: the mask of a job."""

Arguments = dict[str, Any]
"""Arguments of httpx2 that make the body of a request."""


def build_form(
    image: Picture,
    mask: Picture | JobMask | None,
    source_mask: Picture | None,
    reference_image: Picture | None,
    params: Mapping[str, object] | None,
) -> Arguments:
    """Build the form of a request; JSON where the mask is a job's, which no form can name."""
    pictures: dict[str, Picture | None] = {
        "image": image,
        "source_mask": source_mask,
        "reference_image": reference_image,
    }
    given = {name: value for name, value in (params or {}).items() if value is not None}
    if isinstance(mask, Mapping):
        files = _read_files({**pictures, "mask": None})
        encoded = {name: b64encode(data).decode() for name, (_, data) in files.items()}
        return {"json": {**given, **encoded, "mask": dict(mask)}}
    data = {name: _write_field(value) for name, value in given.items()}
    return {"files": _read_files({**pictures, "mask": mask}), "data": data}


def build_batch(
    order: Mapping[str, object], parts: Mapping[str, Picture] | None = None
) -> Arguments:
    """Build the body of a batch: JSON, or a form with its parts."""
    given = {name: value for name, value in order.items() if value is not None}
    if not parts:
        return {"json": given}
    return {"files": _read_files(parts), "data": {"batch": json.dumps(given)}}


def build_upload(file: Picture) -> Arguments:
    """Build the form of an upload."""
    return {"files": _read_files({"file": file})}


def _read_files(pictures: Mapping[str, Picture | None]) -> dict[str, tuple[str, bytes]]:
    return {
        name: _read_picture(name, picture)
        for name, picture in pictures.items()
        if picture is not None
    }


def _read_picture(name: str, picture: Picture) -> tuple[str, bytes]:
    """Read a picture whole: a request that is repeated must send the same bytes."""
    if isinstance(picture, str):
        raise TypeError(f"{name} must be a Path, bytes, or a pair of name and bytes, not a str")
    if isinstance(picture, Path):
        return picture.name, picture.read_bytes()
    return (name, picture) if isinstance(picture, bytes) else picture


def _write_field(value: object) -> str:
    """Return the text of a form field: text and numbers unchanged, all else as JSON."""
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if is_plain else json.dumps(value)
