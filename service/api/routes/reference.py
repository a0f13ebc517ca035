"""`/openapi.yaml`, `/openapi.json` and `/errors`: the reference, in documents for programs."""

from __future__ import annotations

import json
from functools import cache
from typing import Literal, get_args

from flask import Blueprint, Response, redirect, request
from werkzeug import Response as BaseResponse

from service.api.context import get_context
from service.api.openapi.document import build_document, render_document
from service.api.openapi.selection import BodyKind, select_bodies
from service.api.routes.rendering import JSON, render
from service.contract.errors import Fault, InvalidField, NotFound
from service.documents.error_table import build_error_table

YAML = "application/yaml"

_Kind = Literal["yaml", "json"]


def build_blueprint() -> Blueprint:
    """Build the routes of the reference."""
    routes = Blueprint("reference", __name__)
    # Both by our own redirect: that of the routing is built from whatever is in Host.
    for path in ("/", "/docs"):
        routes.add_url_rule(path, view_func=show_start, methods=["GET"])
    routes.add_url_rule("/openapi.yaml", view_func=get_openapi, methods=["GET"])
    routes.add_url_rule("/openapi.json", view_func=get_openapi_json, methods=["GET"])
    routes.add_url_rule("/errors", view_func=list_errors, methods=["GET"])
    routes.add_url_rule("/errors/<code>", view_func=get_error, methods=["GET"])
    return routes


def show_start() -> BaseResponse:
    """Redirect to the reference: below the public URL, or relative to the URL of the request."""
    public_url = get_context().settings.public_url
    return redirect(f"{public_url}/docs/" if public_url else "docs/", 302)


def get_openapi() -> Response:
    """Return the OpenAPI document as YAML."""
    return Response(_encode("yaml", *_read_choices()), mimetype=YAML)


def get_openapi_json() -> Response:
    """Return the OpenAPI document as JSON."""
    return Response(_encode("json", *_read_choices()), mimetype=JSON)


def _read_choices() -> tuple[str, BodyKind | None]:
    """Return the public URL, and the one kind of bodies that the caller's generator is to see.

    Raises:
        InvalidField: there is no such kind of bodies.
    """
    asked = request.args.get("body")
    for kind in get_args(BodyKind):
        if asked == kind:
            return get_context().settings.public_url, kind
    if asked is not None:
        message = "body must be form or json"
        raise InvalidField(message, faults=(Fault("", InvalidField.code, message),))
    return get_context().settings.public_url, None


@cache
def _encode(kind: _Kind, public_url: str, body: BodyKind | None) -> bytes:
    """Return the document; clients that read slowly share the same bytes."""
    document = build_document(public_url)
    if body is not None:
        select_bodies(document, body)
    return (render_document(document) if kind == "yaml" else json.dumps(document)).encode()


def list_errors() -> Response:
    """Return the table of errors."""
    return render(build_error_table())


def get_error(code: str) -> Response:
    """Return one error; the `type` of a problem document is its URL."""
    for entry in build_error_table().errors:
        if entry.code == code:
            return render(entry)
    raise NotFound("there is no such error code")
