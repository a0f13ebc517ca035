"""What schemathesis cannot know: real pictures, and which errors a call may meet.

A schema tells it only that a file is binary, and only the status of an error.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import schemathesis
from hypothesis import strategies

from service.api.openapi.document import build_document
from service.documents.problems import HTTP_ONLY, MEDIA_TYPE
from tests.support.http import mask, picture

# One size: a picture and a mask that are drawn apart must fit each other.
PICTURES = [
    picture(64, 64),
    picture(64, 64, kind="JPEG"),
    picture(64, 64, kind="WEBP", lossless=True),
    mask(64, 64, (16, 16, 48, 48)),
    mask(64, 64, (8, 8, 24, 60)),
]
FORMAT = "x-picture"

files = strategies.sampled_from(PICTURES)
for media_type in (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/png, image/jpeg, image/webp",
):
    schemathesis.openapi.media_type(media_type, files)
schemathesis.openapi.format(FORMAT, files.map(lambda data: base64.b64encode(data).decode()))


# Calls that the document does not have are tried too.
_ANYWHERE = {code for code, _, _ in HTTP_ONLY.values()} | {"not_found"}


@schemathesis.check
def problem_code_is_named(ctx: Any, response: Any, case: Any) -> None:
    """Check that a problem's code is among the examples of its call and status."""
    if not response.headers.get("content-type", [""])[0].startswith(MEDIA_TYPE):
        return
    code = response.json()["code"]
    operation = _operations().get((case.method.lower(), case.path))
    if operation is None or code in _ANYWHERE:
        return
    answer = operation["responses"].get(str(response.status_code), {})
    named = answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
    assert code in named, f"{code} is not among {sorted(named)}"


@cache
def _operations() -> dict[tuple[str, str], Any]:
    paths = build_document()["paths"]
    return {(verb, path): told for path, verbs in paths.items() for verb, told in verbs.items()}
