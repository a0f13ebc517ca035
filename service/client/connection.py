"""Settings of the connection to a service, the same for both clients."""

from __future__ import annotations

import os
import ssl
from typing import Any

import certifi
import httpx2

from .steps import Send

CHUNK_BYTES = 1 << 16


def build_arguments(url: str, api_key: str | None) -> dict[str, Any]:
    """Return the arguments of an httpx2 client.

    Args:
        url: URL of the service; one with a path is served below it.
        api_key: sent as a bearer token.

    Raises:
        ValueError: the URL is none.
    """
    advice = f"{url} is not a URL; give one such as http://host:8080"
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ValueError(advice) from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(advice)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return {"base_url": parsed, "headers": headers, "verify": _load_trust()}


def limit_time(seconds: float, reach_seconds: float) -> httpx2.Timeout:
    """Return the limits of one request: connecting to a live service takes no long time."""
    return httpx2.Timeout(seconds, connect=min(seconds, max(2.0, reach_seconds)))


def build_request(
    http: httpx2.Client | httpx2.AsyncClient, step: Send, reach_seconds: float
) -> httpx2.Request:
    """Return the request of a step; one to another host is sent no API key."""
    limit = limit_time(step.timeout_seconds, reach_seconds)
    request = http.build_request(step.method, step.path, **step.arguments, timeout=limit)
    if step.is_elsewhere:
        request.headers.pop("Authorization", None)
    return request


def _load_trust() -> ssl.SSLContext:
    """Load the certificates that are trusted: certifi's, unless the environment names others.

    Passed explicitly, because httpx2 trusts the system's store, which slim containers lack.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    own_file = file or (None if folder else certifi.where())
    return ssl.create_default_context(cafile=own_file, capath=folder)
