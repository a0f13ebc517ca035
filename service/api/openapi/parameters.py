"""Parameters of requests, described once and referred to by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.contract.jobs import JobStatus
from service.documents.paging import DEFAULT_PAGE, MAX_PAGE, MAX_TAG_CHARACTERS
from service.store.usage import KEPT_DAYS

Schema = dict[str, Any]

_EVENT_ID = "^[0-9]{1,9}-[0-9]{1,15}-[0-9]{1,9}$"


def _path(name: str, description: str, **schema: Any) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _id(name: str, description: str, example: str) -> Schema:
    return _path(name, description, type="string", minLength=1, example=example)


def _query(name: str, description: str, **schema: Any) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def describe_header(name: str, description: str, **schema: Any) -> Schema:
    """Describe a header of a request."""
    return {
        "name": name,
        "in": "header",
        "description": description,
        "schema": {"type": "string", **schema},
    }


PARAMETERS: Mapping[str, Schema] = {
    "job_id": _id("job_id", "The `id` of a job.", "job_01KAQ3C8T6XW3V1Z0F9B2M4N5P"),
    "batch_id": _id("batch_id", "The `id` of a batch.", "batch_01KAQ3C8T6XW3V1Z0F9B2M4N5P"),
    "upload_id": _id("upload_id", "The `id` of an upload.", "upl_01KAQ3C8T6XW3V1Z0F9B2M4N5P"),
    "first": _query(
        "first",
        "Index of the first item to list.",
        type="integer",
        minimum=0,
        maximum=999_999,
        default=0,
    ),
    "batch_limit": _query(
        "limit", "Items of a page at most.", type="integer", minimum=1, maximum=200, default=100
    ),
    "index": _path("index", "Counted from 0.", type="integer", minimum=0, maximum=7),
    "days": _query(
        "days",
        "So many days, today included.",
        type="integer",
        minimum=1,
        maximum=KEPT_DAYS,
        default=31,
    ),
    "webhook_id": _query(
        "webhook_id", "The `id` of the delivery to repeat; by default the last one.", type="string"
    ),
    "model_id": _id("model_id", "A value of `model`.", "auto"),
    "code": _id("code", "The `code` of a problem document.", "invalid_field"),
    "cursor": _query(
        "cursor",
        "Where the previous page ended, from its `links.next`. Opaque.",
        type="string",
        example="MTo0Mg",
    ),
    "limit": _query(
        "limit",
        "Jobs of a page at most.",
        type="integer",
        minimum=1,
        maximum=MAX_PAGE,
        default=DEFAULT_PAGE,
    ),
    "status": {
        **_query(
            "status",
            "Only jobs with this status; repeat it for several.",
            type="array",
            items={"type": "string", "enum": [status.value for status in JobStatus]},
        ),
        "style": "form",
        "explode": True,
    },
    "tag": _query(
        "tag", "Only jobs with this tag.", type="string", minLength=1, maxLength=MAX_TAG_CHARACTERS
    ),
    "dry_run": _query(
        "dry_run",
        "`true`: check the request and describe the job that it would become; nothing is queued or "
        "kept, and no `Idempotency-Key` is bound.",
        type="boolean",
        default=False,
    ),
    "redirect": _query(
        "redirect",
        "`true`: the response may be a redirect to the picture in the object store, by a URL that "
        "is valid for some minutes. The picture itself is sent where the service keeps its "
        "pictures in a folder, and of jobs with `no_store`.",
        type="boolean",
        default=False,
    ),
    "Idempotency-Key": describe_header(
        "Idempotency-Key",
        "Chosen by the client. The same key with the same request (fields and pictures, not the "
        "body's bytes) returns the job that the first request made, in its present state. With "
        "another request it is refused. A key is kept as long as its job, and at least 24 hours; "
        "once the job has expired, a repeat is refused as `job_expired`; after `DELETE` the key is "
        "free. A refused request binds no key.",
        minLength=1,
        maxLength=255,
        pattern="^[ -~]+$",
    ),
    "If-None-Match": describe_header("If-None-Match", "ETag of the content that the caller has."),
    "Prefer": describe_header(
        "Prefer",
        "`wait=N`: answer when the job ends, or after N seconds, 1 to 60. `respond-async`: answer "
        "at once, which is the default. Other preferences are ignored (RFC 7240).",
        example="respond-async",
    ),
    "batch_Last-Event-ID": describe_header(
        "Last-Event-ID",
        "Id of the last event, which alone has one; empty for none.",
        pattern="^(ended)?$",
        example="ended",
    ),
    "Last-Event-ID": describe_header(
        "Last-Event-ID",
        "Id of the last event that the caller has received, unchanged; empty for none.",
        pattern=f"^$|{_EVENT_ID}",
        example="3-1764000000000-0",
    ),
    "token": _query(
        "token",
        "Instead of a key: of `POST /jobs/{job_id}/events-token`, or the same of a batch.",
        type="string",
    ),
    "Range": describe_header("Range", "One range of bytes, such as `bytes=0-1023`."),
    "X-Request-ID": describe_header(
        "X-Request-ID",
        "Echoed and logged, if it consists of 1 to 128 letters, digits, `.`, `_` and `-`.",
    ),
}
