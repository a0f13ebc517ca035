"""Cross-origin requests of web pages whose origins the operator has listed.

Their preflights are answered before authentication, because a browser sends no key with them, and
every response, an error too, may be read by the page. Cookies and stored passwords are never
allowed: a page sends its key itself.

Source: Fetch Standard, WHATWG, section 3.3 (CORS protocol).
"""

from __future__ import annotations

import re

from flask import Flask, Response, request

from service.config import ANY_ORIGIN, ServiceSettings

MAX_AGE_SECONDS = 7200
"""Seconds that a browser remembers a preflight; Chromium remembers none for longer."""

EXPOSED = (
    *("Location", "Retry-After", "ETag", "X-Job-ID", "X-Seed", "X-Request-ID"),
    *("Idempotency-Replayed", "Preference-Applied", "X-Paintjob-Warnings", "x-should-retry"),
    *("Link", "RateLimit", "RateLimit-Policy", "WWW-Authenticate", "Allow"),
    *("Accept-Ranges", "Content-Range", "Content-Disposition"),
)
"""Headers of responses that a page may read besides those that it always may."""

_METHODS = "GET, HEAD, POST, DELETE"
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,2000}")


def install(app: Flask, settings: ServiceSettings) -> None:
    """Let pages of the listed origins call an app; without a list nothing changes."""
    origins = settings.cors_origin_list
    if not origins:
        return

    def answer_preflight() -> Response | None:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or asked is None or not is_listed(origins):
            return None
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Max-Age"] = str(MAX_AGE_SECONDS)
        names = request.headers.get("Access-Control-Request-Headers", "")
        if _NAMES.fullmatch(names):
            response.headers["Access-Control-Allow-Headers"] = names
        return response

    def expose(response: Response) -> Response:
        response.vary.add("Origin")
        if is_listed(origins):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)
        return response

    app.before_request(answer_preflight)
    app.after_request(expose)


def is_listed(origins: frozenset[str]) -> bool:
    """Return whether the current request comes from a page of one of these origins."""
    origin = request.headers.get("Origin")
    return origin is not None and (origin in origins or ANY_ORIGIN in origins)
