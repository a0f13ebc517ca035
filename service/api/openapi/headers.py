"""Headers of responses, described once and referred to by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def _text(description: str, **schema: Any) -> Schema:
    return {"description": description, "schema": {"type": "string", **schema}}


HEADERS: Mapping[str, Schema] = {
    "X-Request-ID": _text("The request's own id if it was well-formed, else a generated one."),
    "Location": _text(
        "URL of what was created, or of what is to be fetched.", format="uri-reference"
    ),
    "ETag": _text("Identifies exactly this content."),
    "Retry-After": {
        "description": "Seconds to wait before the next request.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Preference-Applied": _text("The preferences of `Prefer` that were honored."),
    "X-Job-ID": _text("Id of the job that made the picture."),
    "X-Seed": _text("Seed of the picture."),
    "Idempotency-Replayed": _text("`true` when the key was known.", enum=["true"]),
    "Link": _text("The next page, `rel=next`."),
    "RateLimit-Policy": _text(
        "The limits that apply, by name: `q` the quota, `w` the window in seconds, `qu` the unit "
        "unless it is requests: painted `pixels`, or unfinished `jobs`.",
        example='"requests";q=600;w=60',
    ),
    "RateLimit": _text(
        "The state of these limits: `r` what remains, `t` the seconds until more is available.",
        example='"requests";r=598;t=1',
    ),
    "WWW-Authenticate": _text("`Bearer`, and what is wrong with the key (RFC 6750)."),
    "X-Paintjob-Warnings": _text(
        "Codes of the job's warnings, and `prompt_unused`; absent without warnings."
    ),
    "x-should-retry": _text("Whether to send the request again.", enum=["true", "false"]),
    "Accept-Ranges": _text("`bytes`."),
    "Content-Range": _text("The range of bytes that is sent."),
    "Content-Disposition": _text("A file name."),
}


def refer_headers(*names: str) -> Schema:
    """Return references to headers, and to the one that every response has."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-ID")}
