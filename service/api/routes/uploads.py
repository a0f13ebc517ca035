"""`/uploads`: pictures that are uploaded once and used by several requests."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.api.access.auth import get_caller
from service.api.access.limits import note_counts
from service.api.context import get_context
from service.api.routes.rendering import render
from service.batches.answers import describe_upload
from service.contract.keys import STORED_BYTES, UPLOADS


def build_blueprint() -> Blueprint:
    """Build the routes of uploads."""
    routes = Blueprint("uploads", __name__, url_prefix="/uploads")
    routes.add_url_rule("", view_func=create_upload, methods=["POST"])
    routes.add_url_rule("/<upload_id>", view_func=get_upload, methods=["GET"])
    routes.add_url_rule("/<upload_id>", view_func=delete_upload, methods=["DELETE"])
    return routes


def create_upload() -> Response:
    """Store a picture for a day."""
    context = get_context()
    context.admission.check()
    with context.uploads.open_intake() as intake:
        context.reader.read_file(request, intake)
        upload, stored = context.uploads.keep(intake, get_caller().tenant)
    note_counts({UPLOADS: stored.uploads, STORED_BYTES: stored.bytes})
    answer = describe_upload(upload, context.settings.public_url)
    response = render(answer, 201)
    response.headers["Location"] = answer.links.self
    return response


def get_upload(upload_id: str) -> Response:
    """Return an upload."""
    context = get_context()
    upload = context.uploads.find(upload_id, get_caller().tenant)
    return render(describe_upload(upload, context.settings.public_url))


def delete_upload(upload_id: str) -> Response:
    """Delete an upload; jobs that used it keep its picture."""
    get_context().uploads.drop(upload_id, get_caller().tenant)
    return Response(status=204)
