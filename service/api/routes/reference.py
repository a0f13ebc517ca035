"""`/openapi.yaml`, `/openapi.json` and `/errors`: the reference, in documents for programs."""

from __future__ import annotations

import json
from functools import cache
from typing import Literal, get_args

from flask import Blueprint, Response, redirect, request
from werkzeug import Response as BaseResponse

from service.api.context import get_context
from service.api.openapi.document import build_document, render_document
from service.api.openapi.problem_examples import build_problem_example
from service.api.openapi.selection import BodyKind, select_bodies
from service.api.routes.guide import HTML, prefers, send_html
from service.api.routes.rendering import JSON, render
from service.contract.errors import Fault, InvalidField, NotFound
from service.documents.error_table import build_error_table
from service.documents.schemas import ErrorEntry
from service.guide.advice import load_advice
from service.guide.site import ErrorFacts, build_error_page

YAML = "application/yaml"

_PLACES = {
    "answer": "the answer to a request",
    "job": "the error of a job",
    "both": "the answer to a request, or the error of a job",
}

_Kind = Literal["yaml", "json"]


def build_blueprint() -> Blueprint:
    """Build the routes of the reference."""
    routes = Blueprint("reference", __name__)
    # By our own redirect: that of the routing is built from whatever is in Host.
    routes.add_url_rule("/docs", view_func=show_start, methods=["GET"])
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


def list_errors() -> BaseResponse:
    """Return the table of errors; to a browser, its page of the guide."""
    if _wants_page():
        public_url = get_context().settings.public_url
        return redirect(f"{public_url}/guide/errors" if public_url else "guide/errors", 302)
    return _vary(render(build_error_table()))


def get_error(code: str) -> Response:
    """Return one error, as a page to browsers; the `type` of a problem document is its URL."""
    for entry in build_error_table().errors:
        if entry.code == code:
            return send_html(_encode_error(entry)) if _wants_page() else _vary(render(entry))
    raise NotFound("there is no such error code")


def _wants_page() -> bool:
    return get_context().settings.guide and prefers(JSON, HTML) == HTML


def _vary(response: Response) -> Response:
    response.vary.add("Accept")
    return response


def _encode_error(entry: ErrorEntry) -> bytes:
    shown = entry.model_dump(exclude={"met_in"}) | {"advice": load_advice()[entry.code]}
    example = json.dumps(build_problem_example(entry.code), indent=2, ensure_ascii=False)
    facts = ErrorFacts(**shown, place=_PLACES[entry.met_in], example=example)
    return build_error_page(facts).encode()
