"""`GET /jobs`: the caller's jobs, newest first, page by page."""

from __future__ import annotations

from typing import get_args

from flask import Blueprint, Response, request

from service.api.access.auth import get_caller
from service.api.context import get_context
from service.api.routes.rendering import render
from service.contract.params import Operation
from service.documents.jobs import describe_listed
from service.documents.paging import page_url, read_query
from service.documents.schemas import JobList, PageLinks

OPERATIONS = get_args(Operation)
"""Jobs of others, which a later release has accepted, are left out of lists."""


def build_blueprint() -> Blueprint:
    """Build the route of the list."""
    routes = Blueprint("listing", __name__)
    routes.add_url_rule("/jobs", view_func=list_jobs, methods=["GET"])
    return routes


def list_jobs() -> Response:
    """Return a page of the caller's jobs, newest first."""
    query = read_query(request.args.to_dict(flat=False))
    context = get_context()
    page = context.store.jobs.load_page(
        get_caller().tenant,
        statuses=query.statuses,
        tag=query.tag,
        before=query.before,
        limit=query.limit,
    )
    base_url = context.settings.public_url
    links = PageLinks(
        self=page_url(base_url, query, query.before),
        next=None if page.next_before is None else page_url(base_url, query, page.next_before),
    )
    shown = [job for job in page.jobs if job.spec["operation"] in OPERATIONS]
    answer = JobList(jobs=[describe_listed(job, base_url) for job in shown], links=links)
    response = render(answer)
    response.headers["Cache-Control"] = "no-cache"
    if links.next is not None:
        # Source: RFC 8288.
        response.headers["Link"] = f'<{links.next}>; rel="next"'
    return response
