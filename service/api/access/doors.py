"""Checks of where a request comes from, and headers that keep pages from being misused.

Without API keys nothing but the origin distinguishes the owner of this machine from a web page that
is open in the owner's browser.

Source: RFC 9110, section 7.4; Fetch Metadata Request Headers, W3C; Content Security Policy 3, W3C.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.api.context import get_context
from service.config import is_loopback
from service.contract.errors import Forbidden

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_SITES = frozenset({"same-origin", "none"})
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_REFERENCE = (
    f"{_NOTHING}; connect-src 'self'; font-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self'"
)


class MisdirectedRequest(HTTPException):
    """Error: the request was sent to a host that this service is not."""

    code = 421
    description = "the Host header names another host"


def install(app: Flask) -> None:
    """Check the origin of every request of an app, and protect its pages."""
    app.before_request(_check_host)
    app.before_request(_check_site)
    app.after_request(_protect)


def find_base_url() -> str | None:
    """Return the URL for absolute links; None if the request's host is not known to be ours."""
    public_url = get_context().settings.public_url
    if public_url:
        return public_url
    return request.url_root.rstrip("/") if is_loopback(_get_name(request.host)) else None


def _check_host() -> None:
    """Refuse other names in `auto` mode: by one of its own, a page can reach this machine."""
    settings, host = get_context().settings, request.headers.get("Host")
    if settings.auth != "auto" or host is None:
        return
    name = _get_name(host)
    if not is_loopback(name) and name != urlsplit(settings.public_url).hostname:
        raise MisdirectedRequest


def _check_site() -> None:
    """Refuse changes that a web page of another site asks for; with keys it has none to send."""
    if get_context().settings.asks_for_keys or request.method in _SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site in _SAME_SITES if site else origin is None or _is_own_origin(origin)
    if not is_own:
        detail = "pages of other sites may change nothing while no API keys are required"
        raise Forbidden(f"{detail}; call from elsewhere, or set PAINTJOB_AUTH=keys")


def _is_own_origin(origin: str) -> bool:
    own = urlsplit(get_context().settings.public_url)
    found = urlsplit(origin)
    return found.netloc == request.host or (found.scheme, found.netloc) == (own.scheme, own.netloc)


def _get_name(host: str) -> str:
    """Return the name in a `Host` header, in lower case; empty if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _protect(response: Response) -> Response:
    policy = _NOTHING
    if request.blueprint == "swagger_ui":
        policy = _REFERENCE
        if response.mimetype == "text/html":
            for script in _INLINE_SCRIPT.findall(response.get_data()):
                policy += f" 'sha256-{b64encode(sha256(script).digest()).decode()}'"
    response.headers["Content-Security-Policy"] = policy
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
