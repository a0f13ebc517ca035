"""The routes of the playground: the page, and the files that it names."""

from __future__ import annotations

from importlib.resources import files

from flask import Blueprint, Response, request, send_from_directory
from werkzeug import Response as BaseResponse

from service.api.context import get_context
from service.api.routes.reference import show_start
from service.serving.headers import NO_SOURCES, POLICY

FILES = "/playground/"
"""Path of the files. Their names contain digests of what they hold."""

YEAR_SECONDS = 31_536_000

_OWN_FILES = (
    f"{NO_SOURCES}; connect-src 'self'; img-src 'self' blob:; style-src 'self'; script-src 'self'"
)


def build_blueprint() -> Blueprint:
    """Build the routes of the page and of its files."""
    routes = Blueprint("playground", __name__)
    routes.add_url_rule("/", view_func=show_page, methods=["GET"])
    routes.add_url_rule(f"{FILES}<name>", view_func=send_file, methods=["GET"])
    return routes


def show_page() -> BaseResponse:
    """Return the page, or redirect to the reference where the operator wants no playground."""
    settings = get_context().settings
    if not settings.playground:
        return show_start()
    text = _BUILT.joinpath("index.html").read_text()
    if not settings.guide:
        text = text.replace('data-guide="guide/"', "")
    page = Response(text, mimetype="text/html")
    page.headers[POLICY] = _OWN_FILES
    page.cache_control.no_cache = True
    page.add_etag()
    return page.make_conditional(request)


def send_file(name: str) -> Response:
    """Send a file that the page names; a browser asks for it once."""
    response = send_from_directory(str(_BUILT / "playground"), name, max_age=YEAR_SECONDS)
    response.cache_control.immutable = True
    return response


_BUILT = files(__package__) / "built"
