"""`/openapi.yaml`, `/docs` and `/errors`: the reference, served from the service's own files."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Response, redirect
from werkzeug import Response as BaseResponse

from service.api.context import get_context
from service.api.openapi.document import render_yaml
from service.api.routes.rendering import render
from service.contract.errors import NotFound
from service.documents.error_table import build_error_table

DOCUMENT_PATH = "/openapi.yaml"
DOCS_PATH = "/docs"


def build_blueprint() -> Blueprint:
    """Build the routes of the reference."""
    routes = Blueprint("reference", __name__)
    # Both by our own redirect: that of the routing is built from whatever is in Host.
    for path in ("/", DOCS_PATH):
        routes.add_url_rule(path, view_func=show_start, methods=["GET"])
    routes.add_url_rule(DOCUMENT_PATH, view_func=get_openapi, methods=["GET"])
    routes.add_url_rule("/errors", view_func=list_errors, methods=["GET"])
    routes.add_url_rule("/errors/<code>", view_func=get_error, methods=["GET"])
    return routes


def show_start() -> BaseResponse:
    """Redirect to the reference."""
    return redirect(f"{get_context().settings.public_url}{DOCS_PATH}/", 302)


def get_openapi() -> Response:
    """Return the OpenAPI document."""
    return Response(_encode_document(), mimetype="application/yaml")


@cache
def _encode_document() -> bytes:
    """Return the document; clients that read slowly share the same bytes."""
    return render_yaml().encode()


def list_errors() -> Response:
    """Return the table of errors."""
    return render(build_error_table())


def get_error(code: str) -> Response:
    """Return one error; the `type` of a problem document is its URL."""
    for entry in build_error_table().errors:
        if entry.code == code:
            return render(entry)
    raise NotFound("there is no such error code")
