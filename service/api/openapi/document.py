"""The OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.openai.answers import FacadeProblem
from service.api.openapi import bodies
from service.api.openapi.headers import HEADERS, refer_headers
from service.api.openapi.hooks import (
    TAG,
    describe_callbacks,
    describe_webhook_headers,
)
from service.api.openapi.illustration import illustrate
from service.api.openapi.operations import OPERATIONS, Operation, Reply
from service.api.openapi.parameters import PARAMETERS
from service.api.openapi.problem_answers import ProblemAnswers
from service.api.openapi.problem_examples import build_problem_example
from service.batches.answers import BatchWebhook
from service.contract.version import get_version
from service.documents.schemas import JobWebhook, Problem

Schema = dict[str, Any]

_REF = "#/components/schemas/{model}"

_SECURITY = "apiKey"

_DESCRIPTION = """\
Repaints a part of a picture or extends it past its borders, and proves what it kept: wherever the
mask is black, every pixel of a lossless result equals the input's, as `outputs[].proof` documents.

Fields and enum values may be added at any time; clients must ignore unknown ones.

A deployment that other machines can reach requires an API key, which its operator creates:
`Authorization: Bearer pj_…`. All jobs belong to the key's tenant, and no other tenant can find out
that they exist.
"""

_TAGS = {
    "paint": "Submit jobs.",
    "facade": "The same for clients of OpenAI's API, in its format.",
    "jobs": "Follow jobs, fetch their results, cancel and delete them.",
    "batches": "Many items under one id, and pictures that several requests use.",
    "catalogue": "Methods, models and limits of this deployment.",
    "operations": "Health and version, for operators.",
    TAG: "Requests that the service sends to `webhook_url`.",
}


class _PlainDumper(yaml.SafeDumper):
    """A dumper that repeats shared values instead of writing aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def render_yaml() -> str:
    """Return the document of no particular deployment as YAML."""
    return render_document(build_document())


def render_document(document: Schema) -> str:
    """Return a document as YAML."""
    return yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=120)


def build_document(public_url: str = "") -> Schema:
    """Build the document.

    Args:
        public_url: where callers reach the deployment; empty if it does not know.
    """
    paths: Schema = {}
    problems = ProblemAnswers()
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation, problems)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Paintjob",
            "version": get_version(),
            "description": _DESCRIPTION,
            "contact": {"name": "The operator of this service"},
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url or "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _build_schemas(),
            "responses": problems.components,
            "parameters": {**PARAMETERS, **describe_webhook_headers()},
            "headers": dict(HEADERS),
            "examples": _build_examples(),
            "securitySchemes": {_SECURITY: _describe_key()},
        },
    }
    illustrate(document)
    return document


def _describe(operation: Operation, problems: ProblemAnswers) -> Schema:
    document: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    document["description"] = f"{operation.description} {_describe_scope(operation)}".lstrip()
    names = (*operation.parameters, "X-Request-ID")
    document["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    if operation.body:
        document["requestBody"] = bodies.build_request_body(operation.body)
    limits = ("RateLimit", "RateLimit-Policy") if operation.needs_key else ()
    replies = {
        str(status): _describe_reply(reply, *limits) for status, reply in operation.replies.items()
    }
    document["responses"] = {**replies, **problems.refer(operation)}
    if callbacks := describe_callbacks(operation.body):
        document["callbacks"] = callbacks
    # The empty alternative: a deployment on loopback requires no key.
    document["security"] = [{_SECURITY: []}, {}] if operation.scope else []
    return document


def _describe_scope(operation: Operation) -> str:
    """Return the sentence about the key: linters refuse scopes beside a bearer key."""
    return f"Scope: `{operation.scope}`." if operation.scope else "Needs no API key."


def _describe_key() -> Schema:
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pj_{id}_{secret}",
        "description": "An API key. Its scopes: `jobs:read` to read, `jobs:write` to submit, "
        "cancel and delete, `metrics:read` for the metrics.",
    }


def _describe_reply(reply: Reply, *further_headers: str) -> Schema:
    document: Schema = {
        "description": reply.description,
        "headers": refer_headers(*reply.headers, *further_headers),
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
    """Describe one event of a stream: `itemSchema` of OpenAPI 3.2, which 3.1 does not have.

    Tools that read streams accept the schema in this form.
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


def _build_examples() -> Schema:
    codes = {"internal", *(code for operation in OPERATIONS for code in operation.all_errors)}
    return {code: {"value": build_problem_example(code)} for code in sorted(codes)}


def _build_schemas() -> dict[str, Schema]:
    models: set[type[BaseModel]] = {Problem, FacadeProblem, JobWebhook, BatchWebhook}
    for operation in OPERATIONS:
        models |= {model for reply in operation.replies.values() for model in reply.models}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, document = models_json_schema(
        [(model, "serialization") for model in ordered], ref_template=_REF
    )
    answers = {name: _open(schema) for name, schema in document["$defs"].items()}
    return dict(sorted({**answers, **bodies.build_components()}.items()))


def _open(schema: Schema) -> Schema:
    """Mark every field of a response as present, and allow more fields."""
    schema.pop("additionalProperties", None)
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for prop in properties.values():
        prop.pop("title", None)
        prop.pop("default", None)
    if properties:
        schema["required"] = list(properties)
    return schema
