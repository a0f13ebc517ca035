"""Checks of where a request comes from, and headers that keep pages from being misused.

Without API keys nothing but the origin distinguishes the owner of this machine from a web page that
is open in the owner's browser.

Source: RFC 9110, section 7.4; Fetch Metadata Request Headers, W3C; Content Security Policy 3, W3C.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.api.access.cors import is_listed
from service.api.context import get_context
from service.config import ServiceSettings, is_loopback
from service.contract.errors import Forbidden
from service.serving.headers import NO_SOURCES, POLICY, add_headers

_SAFE, _SAME_SITES = frozenset({"GET", "HEAD", "OPTIONS"}), frozenset({"same-origin", "none"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s\[\]/?#@:\\]+)(:[0-9]*)?")
"""Source: RFC 9110, section 7.2; with a user or a path in it, a URL would lead elsewhere."""

_REFERENCE = (
    f"{NO_SOURCES}; connect-src 'self'; font-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self'"
)


class MisdirectedRequest(HTTPException):
    """Error: the request was sent to a host that this service is not."""

    code = 421


def install(app: Flask, settings: ServiceSettings) -> None:
    """Check the origin of an app's requests where no keys are, and protect its pages."""
    if not settings.asks_for_keys:
        app.before_request(_check_host_and_site if settings.auth == "auto" else _check_site)
    app.wsgi_app = add_headers(app.wsgi_app)  # type: ignore[method-assign, assignment]


def find_base_url() -> str | None:
    """Return the URL for absolute links; None if the request's host is not known to be ours."""
    public_url = get_context().settings.public_url
    if public_url:
        return public_url
    return request.url_root.rstrip("/") if is_loopback(_get_name(request.host)) else None


def allow_reference(response: Response) -> Response:
    """Let a page of the reference load its own files, and show pictures that it has fetched."""
    response.headers[POLICY] = _REFERENCE
    return response


def _check_host_and_site() -> None:
    """Refuse foreign names: by a name of its own, a page can reach this machine."""
    host = request.environ.get("HTTP_HOST")
    if host is not None and not _is_own_host(host, get_context().settings.public_url):
        raise MisdirectedRequest
    _check_site()


def _check_site() -> None:
    """Refuse changes that a web page of another site asks for; with keys it could send none."""
    if request.method in _SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site in _SAME_SITES if site else origin is None or _is_own_origin(origin)
    if not is_own and not is_listed(get_context().settings.cors_origin_list):
        detail = "pages of other sites may change nothing while no API keys are required"
        raise Forbidden(
            f"{detail}; list the page's origin in PAINTJOB_CORS_ORIGINS, or set PAINTJOB_AUTH=keys"
        )


def _is_own_origin(origin: str) -> bool:
    own = urlsplit(get_context().settings.public_url)
    try:
        found = urlsplit(origin)
    except ValueError:
        return False
    if not found.netloc:
        # `null`, which any page can send, must not equal a public URL that is not set.
        return False
    return found.netloc == request.host or (found.scheme, found.netloc) == (own.scheme, own.netloc)


@lru_cache(maxsize=256)
def _is_own_host(host: str, public_url: str) -> bool:
    name = _get_name(host)
    return is_loopback(name) or name == urlsplit(public_url).hostname


def _get_name(host: str) -> str:
    """Return the name in a `Host` header, in lower case; empty if it is malformed."""
    if not _HOST.fullmatch(host):
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
