"""`/guide`, `/llms.txt` and `/llms-full.txt`: the documents, for people and for programs that read.

Each page is HTML at its address, and Markdown at the address of its file or by `Accept`.

Source: The /llms.txt file, llmstxt.org.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from flask import Blueprint, Response, redirect, request
from werkzeug import Response as BaseResponse

from service.api.access.doors import find_base_url
from service.api.context import get_context
from service.api.routes.rendering import JSON, is_known, not_modified
from service.contract.errors import NotFound
from service.guide.pages import CONTENTS, Page, find_page, find_picture, load_pages
from service.guide.search import build_index
from service.guide.site import build_page
from service.serving.headers import NO_SOURCES, POLICY

MARKDOWN = "text/markdown"
HTML = "text/html"
SCRIPTED = f"{NO_SOURCES}; connect-src 'self'; img-src 'self'; style-src 'self'; script-src 'self'"
"""Policy of pages of the guide: files of this service alone, and nothing inline."""

_DRAWING = f"{NO_SOURCES}; style-src 'unsafe-inline'"
_ASSETS = {
    "guide.css": "text/css",
    "guide.js": "text/javascript",
    "theme.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)]+)(?=\))")


def build_blueprint() -> Blueprint:
    """Build the routes of the guide."""
    routes = Blueprint("guide", __name__)
    routes.add_url_rule("/guide", view_func=show_start, methods=["GET"])
    routes.add_url_rule("/guide/", view_func=show_page, methods=["GET"])
    routes.add_url_rule("/guide/<path:address>", view_func=show_page, methods=["GET"])
    routes.add_url_rule("/guide/search.json", view_func=send_index, methods=["GET"])
    routes.add_url_rule("/guide/assets/<name>", view_func=send_asset, methods=["GET"])
    routes.add_url_rule("/llms.txt", view_func=list_pages, methods=["GET"])
    routes.add_url_rule("/llms-full.txt", view_func=send_all, methods=["GET"])
    return routes


def show_start() -> BaseResponse:
    """Redirect to the first page; by our own redirect, as that of routing trusts `Host`."""
    public_url = get_context().settings.public_url
    return redirect(f"{public_url}/guide/" if public_url else "guide/", 302)


def show_page(address: str = "") -> Response:
    """Return a page as HTML or Markdown, or a picture of one."""
    if address in load_pages():
        return send(load_pages()[address].text.encode(), MARKDOWN)
    if page := find_page(address):
        return _send_page(page)
    if picture := find_picture(address):
        response = send(*picture)
        response.headers[POLICY] = _DRAWING
        return response
    raise NotFound("the guide has no such page; /guide/ lists all")


def send_index() -> Response:
    """Return what the search looks through."""
    return send(build_index(), JSON)


def send_asset(name: str) -> Response:
    """Return a file that every page needs."""
    if name not in _ASSETS:
        raise NotFound("the guide has no such file")
    folder = files("service.guide") / "assets"
    return send((folder / name).read_bytes(), _ASSETS[name])


def list_pages() -> Response:
    """Return the table of contents in the form that language models look for."""
    base_url = find_base_url() or ""
    start = f"{base_url}/guide/" if base_url else "guide/"
    text = _LINK.sub(lambda link: start + link[0], load_pages()[CONTENTS].text)
    return send(text.encode(), "text/plain")


def send_all() -> Response:
    """Return all pages that the table of contents lists, one after the other."""
    pages = [page.text for page in load_pages().values() if page.label or page.name == CONTENTS]
    return send("\n".join(pages).encode(), "text/plain")


def prefers(*kinds: str) -> str:
    """Return which of these media types the caller prefers; the first one if all are equal."""
    return request.accept_mimetypes.best_match(kinds, default=kinds[0])


def send(body: bytes, media_type: str) -> Response:
    """Build the response with a file, or 304 if the caller has it."""
    response = Response(status=200, mimetype=media_type)
    response.set_etag(blake2b(body, digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept")
    if is_known(response):
        return not_modified(response)
    response.set_data(body)
    return response


def send_html(text: bytes) -> Response:
    """Build the response with a page that loads the guide's style and scripts."""
    response = send(text, HTML)
    response.headers[POLICY] = SCRIPTED
    return response


def _send_page(page: Page) -> Response:
    if prefers(HTML, MARKDOWN) == MARKDOWN:
        return send(page.text.encode(), MARKDOWN)
    response = send_html(_encode(page))
    # The file lies beside the page: its name is all that differs.
    twin = page.name.rpartition("/")[2]
    response.headers["Link"] = f'<{twin}>; rel="alternate"; type="{MARKDOWN}"'
    return response


@cache
def _encode(page: Page) -> bytes:
    return build_page(page).encode()
