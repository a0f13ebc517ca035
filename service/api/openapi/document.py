"""Builds the OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.openai.answers import FacadeProblem, facade_status, translate_problem
from service.api.openapi import bodies
from service.api.openapi.hooks import describe_webhooks
from service.api.openapi.illustration import illustrate
from service.api.openapi.operations import OPERATIONS, Operation, Reply
from service.api.openapi.problem_examples import build_problem_example, status_of
from service.contract.jobs import JobStatus
from service.documents.paging import DEFAULT_PAGE, MAX_PAGE, MAX_TAG_CHARACTERS
from service.documents.problems import MEDIA_TYPE
from service.documents.schemas import Problem

Schema = dict[str, Any]

API_VERSION = "1.0.0"

_REF = "#/components/schemas/{model}"

_SECURITY = "apiKey"

_DESCRIPTION = """\
Fills a part of a picture or extends it past its borders, and proves what it kept: wherever the mask
is black, every pixel of a lossless result equals the input's, and `outputs[].proof` says so.

Fields and enum values may be added at any time; clients ignore what they do not know.

A deployment that listens beyond its own machine asks for an API key, which its operator gives out:
`Authorization: Bearer pj_…`. All jobs belong to the key's tenant, and nobody else can tell that
they exist.
"""

_TAGS = {
    "paint": "Hand in work.",
    "facade": "The same for clients of OpenAI's API, in its words and by its error shape.",
    "jobs": "Follow it, fetch what came of it, stop it, wipe it.",
    "batches": "Many items under one id, and pictures that several requests use.",
    "catalogue": "What this deployment offers.",
    "operations": "For those who run the service.",
}

HEADERS: Mapping[str, Schema] = {
    "X-Request-ID": {
        "description": "The caller's own if it was sane, else drawn.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "URL of the job.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "ETag": {"description": "Covers the whole body.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds until asking again makes sense.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Preference-Applied": {
        "description": "What was honored of `Prefer`.",
        "schema": {"type": "string"},
    },
    "X-Job-ID": {"description": "The job that painted it.", "schema": {"type": "string"}},
    "X-Seed": {"description": "The seed of the picture.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` when the key was known.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Link": {"description": "The next page, `rel=next`.", "schema": {"type": "string"}},
    "RateLimit-Policy": {
        "description": "The limits that were looked at, by name: `q` how much, `w` in how many "
        "seconds, `qu` of what, if not of requests: `pixels` painted, or unfinished `jobs`.",
        "schema": {"type": "string", "example": '"requests";q=600;w=60'},
    },
    "RateLimit": {
        "description": "How they stand: `r` what is left, `t` in how many seconds there is more.",
        "schema": {"type": "string", "example": '"requests";r=598;t=1'},
    },
    "WWW-Authenticate": {
        "description": "`Bearer`, and what is wrong with the key, as RFC 6750 says.",
        "schema": {"type": "string"},
    },
    "X-Paintjob-Warnings": {
        "description": "Codes of the job's warnings, and `prompt_unused`; absent without any.",
        "schema": {"type": "string"},
    },
    "x-should-retry": {
        "description": "Whether a repeat makes sense.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    "Accept-Ranges": {"description": "`bytes`.", "schema": {"type": "string"}},
    "Content-Range": {"description": "Which part this is.", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "A file name.", "schema": {"type": "string"}},
    "Allow": {"description": "The methods of this path.", "schema": {"type": "string"}},
}

_EVENT_ID = "^[0-9]{1,9}-[0-9]{1,15}-[0-9]{1,9}$"

PARAMETERS: Mapping[str, Schema] = {
    "job_id": {
        "name": "job_id",
        "in": "path",
        "required": True,
        "description": "As given in the job's `id`.",
        "schema": {"type": "string", "minLength": 1, "example": "job_01KAQ3C8T6XW3V1Z0F9B2M4N5P"},
    },
    "batch_id": {
        "name": "batch_id",
        "in": "path",
        "required": True,
        "description": "As given in the batch's `id`.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "example": "batch_01KAQ3C8T6XW3V1Z0F9B2M4N5P",
        },
    },
    "upload_id": {
        "name": "upload_id",
        "in": "path",
        "required": True,
        "description": "As given in the upload's `id`.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "example": "upl_01KAQ3C8T6XW3V1Z0F9B2M4N5P",
        },
    },
    "first": {
        "name": "first",
        "in": "query",
        "description": "Index of the first item to tell of.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 999_999, "default": 0},
    },
    "batch_limit": {
        "name": "limit",
        "in": "query",
        "description": "How many items to tell of at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 100},
    },
    "index": {
        "name": "index",
        "in": "path",
        "required": True,
        "description": "Counted from 0.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 7},
    },
    "webhook_id": {
        "name": "webhook_id",
        "in": "query",
        "description": "The `id` of the delivery that is meant; by default the last one.",
        "schema": {"type": "string"},
    },
    "code": {
        "name": "code",
        "in": "path",
        "required": True,
        "description": "As given in a problem's `code`.",
        "schema": {"type": "string", "minLength": 1, "example": "invalid_field"},
    },
    "cursor": {
        "name": "cursor",
        "in": "query",
        "description": "Where the page before ended, as its `links.next` has it. Opaque.",
        "schema": {"type": "string", "example": "MTo0Mg"},
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "Jobs of a page at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
    },
    "status": {
        "name": "status",
        "in": "query",
        "description": "Only jobs that stand so; repeat it for several.",
        "style": "form",
        "explode": True,
        "schema": {
            "type": "array",
            "items": {"type": "string", "enum": [status.value for status in JobStatus]},
        },
    },
    "tag": {
        "name": "tag",
        "in": "query",
        "description": "Only jobs with this tag.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_TAG_CHARACTERS},
    },
    "dry_run": {
        "name": "dry_run",
        "in": "query",
        "description": "`true`: check the request and tell what it comes to; nothing is queued or "
        "kept, and no `Idempotency-Key` is bound.",
        "schema": {"type": "boolean", "default": False},
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Drawn by the client. The same key with the same request (fields and "
        "pictures, not the body's bytes) gives the job that it made, as it is now: while it waits, "
        "while it runs and after the end. With another request it is refused. A key is kept as "
        "long as its job, and at least 24 hours; the job being wiped because its time was up, a "
        "repeat is told `job_expired`; after `DELETE` the key is free. A refused request binds no "
        "key.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "ETag of what the caller has.",
        "schema": {"type": "string"},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=N`: answer when the job ends, or after N seconds, 1 to 60. "
        "`respond-async`: answer at once, which is the default. Other preferences are ignored "
        "(RFC 7240).",
        "schema": {"type": "string", "example": "respond-async"},
    },
    "Last-Event-ID": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Id of the last event that the caller has seen, as it came; empty for none.",
        "schema": {
            "type": "string",
            "pattern": f"^$|{_EVENT_ID}",
            "example": "3-1764000000000-0",
        },
    },
    "Range": {
        "name": "Range",
        "in": "header",
        "description": "One range of bytes, such as `bytes=0-1023`.",
        "schema": {"type": "string"},
    },
    "X-Request-ID": {
        "name": "X-Request-ID",
        "in": "header",
        "description": "Echoed and logged, if it is 1 to 128 letters, digits, `.`, `_`, `-`.",
        "schema": {"type": "string"},
    },
}


class _PlainDumper(yaml.SafeDumper):
    """Writes what is shared twice, rather than once with an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@cache
def render_yaml() -> str:
    """Give the document as YAML."""
    document = build_document()
    return yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=110)


def build_document() -> Schema:
    """Build the document."""
    paths: Schema = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Paintjob",
            "version": API_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "webhooks": describe_webhooks(),
        "components": {
            "schemas": _build_schemas(),
            "parameters": dict(PARAMETERS),
            "headers": dict(HEADERS),
            "examples": _build_examples(),
            "securitySchemes": {_SECURITY: _describe_key()},
        },
    }
    illustrate(document)
    return document


def _describe(operation: Operation) -> Schema:
    document: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        document["description"] = operation.description
    names = (*operation.parameters, "X-Request-ID")
    document["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    if operation.body:
        document["requestBody"] = bodies.build_request_body(operation.body)
    limits = ("RateLimit", "RateLimit-Policy") if operation.needs_key else ()
    replies = {
        str(status): _describe_reply(reply, *limits) for status, reply in operation.replies.items()
    }
    document["responses"] = {**replies, **_describe_problems(operation)}
    # The empty one: a deployment on loopback asks nobody.
    document["security"] = [{_SECURITY: [operation.scope]}, {}] if operation.scope else []
    return document


def _describe_key() -> Schema:
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pj_{id}_{secret}",
        "description": "An API key. Its scopes: `jobs:read` for what is fetched, `jobs:write` for "
        "what hands in work, cancels or deletes.",
    }


def _describe_reply(reply: Reply, *further_headers: str) -> Schema:
    document: Schema = {
        "description": reply.description,
        "headers": _refer_headers(*reply.headers, *further_headers),
    }
    binary = {"type": "string", "format": "binary"}
    schema = _describe_message(reply.event_model) if reply.event_model else binary
    content: Schema = {kind: {"schema": schema} for kind in reply.media_types}
    if reply.model is not None:
        schema = _refer(reply.model)
        if reply.other_model is not None:
            schema = {"anyOf": [schema, _refer(reply.other_model)]}
        content = {"application/json": {"schema": schema}, **content}
    if content:
        document["content"] = content
    return document


def _refer(model: type[BaseModel]) -> Schema:
    return {"$ref": _REF.format(model=model.__name__)}


def _describe_message(model: type[BaseModel]) -> Schema:
    """Describe one event of a stream: what OpenAPI 3.2 calls itemSchema, and 3.1 has no word for.

    Tools that read streams at all take the schema so.
    """
    data = {"contentMediaType": "application/json", "contentSchema": _refer(model)}
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "id": {"type": "string", "description": "For `Last-Event-ID`."},
            "event": {"type": "string", "description": "As `type` in the data."},
            "data": {"type": "string", **data},
        },
    }


def _describe_problems(operation: Operation) -> Schema:
    """Describe what can go wrong: a response a status, an example a code."""
    by_status: dict[int, list[str]] = {}
    for code in (*operation.all_errors, "internal"):
        by_status.setdefault(status_of(code), []).append(code)
    if operation.is_facade:
        return _describe_facade_problems(by_status)
    return {
        str(status): {
            "description": ", ".join(f"`{code}`" for code in codes),
            "headers": _refer_headers(*_PROBLEM_HEADERS.get(status, ())),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": _REF.format(model="Problem")},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
                }
            },
        }
        for status, codes in sorted(by_status.items())
    }


def _describe_facade_problems(by_status: Mapping[int, list[str]]) -> Schema:
    """Describe the same in the façade's words, where a broken rule is a bad request."""
    merged: dict[int, list[str]] = {}
    for status, codes in by_status.items():
        merged.setdefault(facade_status(status), []).extend(codes)
    schema = {"$ref": _REF.format(model=FacadeProblem.__name__)}
    return {
        str(status): {
            "description": ", ".join(f"`{code}`" for code in codes),
            "headers": _refer_headers("x-should-retry", *_PROBLEM_HEADERS.get(status, ())),
            "content": {
                "application/json": {
                    "schema": schema,
                    "examples": {code: {"value": _facade_example(code)} for code in codes},
                }
            },
        }
        for status, codes in sorted(merged.items())
    }


def _facade_example(code: str) -> Schema:
    problem = Problem.model_validate(build_problem_example(code))
    return translate_problem(problem)[0].model_dump()


def _build_examples() -> Schema:
    codes = {"internal", *(code for operation in OPERATIONS for code in operation.all_errors)}
    return {code: {"value": build_problem_example(code)} for code in sorted(codes)}


_PROBLEM_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def _refer_headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-ID")}


def _build_schemas() -> dict[str, Schema]:
    models: set[type[BaseModel]] = {Problem, FacadeProblem}
    for operation in OPERATIONS:
        models |= {model for reply in operation.replies.values() for model in reply.models}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, document = models_json_schema(
        [(model, "serialization") for model in ordered], ref_template=_REF
    )
    answers = {name: _open(schema) for name, schema in document["$defs"].items()}
    return dict(sorted({**answers, **bodies.build_components()}.items()))


def _open(schema: Schema) -> Schema:
    """Say of an answer that every field is there, and that more may come."""
    schema.pop("additionalProperties", None)
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for prop in properties.values():
        prop.pop("title", None)
        prop.pop("default", None)
    if properties:
        schema["required"] = list(properties)
    return schema
