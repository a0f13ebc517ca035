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
from service.api.openapi.illustration import iter_answers
from service.documents.problems import HTTP_ONLY, MEDIA_TYPE
from tests.support.pictures import mask, picture

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
    answers = _answers().get((case.method.lower(), case.path))
    if answers is None or code in _ANYWHERE:
        return
    answer = answers.get(response.status_code, {})
    named = answer.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
    assert code in named, f"{code} is not among {sorted(named)}"


@cache
def _answers() -> dict[tuple[str, str], dict[int, Any]]:
    """Return the described answers of each call, by method and path, then by status."""
    document = build_document()
    by_id: dict[str, dict[int, Any]] = {}
    for operation_id, status, answer in iter_answers(document):
        by_id.setdefault(operation_id, {})[status] = answer
    return {
        (verb, path): by_id[operation["operationId"]]
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }
