"""Authentication: the key of a request, and the tenant that it belongs to.

Keys are required unless the settings say otherwise, and looked up at every request, so that a
revoked one stops working at once, in every process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

import structlog
from flask import Flask, Response, g, request

from service.api.access.events_token import find_token_key, is_token_of
from service.api.context import get_context
from service.contract.errors import BrokerUnavailable, Forbidden, PaintjobError, Unauthorized
from service.contract.keys import (
    CALLER_SCOPES,
    KEYLESS,
    KeyLimits,
    Scope,
    fill_limits,
    find_key_id,
    is_key_of,
)
from service.contract.names import DEFAULT_TENANT
from service.store import try_twice
from service.telemetry.logs import hash_tenant

OPEN_BLUEPRINTS = frozenset({"health", "reference", "docs", "guide", "playground"})
"""Blueprints that need no key: health, version, the reference, the guide and the playground."""

TAKES_TOKENS: Mapping[str, str] = {
    "events.get_events": "job_id",
    "batches.get_events": "batch_id",
}
"""Views of events that a token opens, and the parameter of each that says whose."""

MAKES_TOKENS = frozenset({"events.create_token", "batches.create_token"})

IN_QUERY = "token"
"""Query parameter with a token."""

METRICS_BLUEPRINT = "metrics"
"""Blueprint whose numbers are of all tenants."""

CHECK_SECONDS = 2.0
"""Seconds between two checks of the key of an open stream."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_REALM = 'Bearer realm="paintjob"'


@dataclass(frozen=True)
class Caller:
    """The sender of a request.

    Attributes:
        tenant: owner of all that the request makes, and of all that it may see.
        key_id: the key that it came with, or `KEYLESS`.
        limits: the key's limits, with the deployment's defaults filled in.
        scopes: the operations that are allowed.
    """

    tenant: str
    key_id: str = KEYLESS
    limits: KeyLimits = field(default_factory=KeyLimits)
    scopes: frozenset[Scope] = frozenset(CALLER_SCOPES)


def install(app: Flask) -> None:
    """Authenticate every request of an app before its view runs."""
    app.before_request(_identify)
    app.after_request(_challenge)


def get_caller() -> Caller:
    """Return the caller of the current request."""
    caller: Caller = g.caller
    return caller


def find_caller() -> Caller | None:
    """Return the caller; None where no authentication is needed."""
    caller: Caller | None = g.get("caller")
    return caller


def watch_key() -> Callable[[], bool]:
    """Return a check whether the caller's key still works; it also works after the view returned.

    It asks the broker every few seconds; while that does not answer, the key counts as valid.
    """
    caller, store = get_caller(), get_context().store
    checked_at, is_valid = time.monotonic(), True

    def check() -> bool:
        nonlocal checked_at, is_valid
        if caller.key_id != KEYLESS and time.monotonic() - checked_at >= CHECK_SECONDS:
            checked_at = time.monotonic()
            with suppress(BrokerUnavailable):
                kept = store.keys.find(caller.key_id)
                is_valid = kept is not None and kept.revoked_at is None
        return is_valid

    return check


def _identify() -> None:
    # Without a rule there is no such path, and the 404 needs no key.
    if request.url_rule is None or request.blueprint in OPEN_BLUEPRINTS:
        return
    if get_context().settings.asks_for_keys:
        g.caller = _authenticate_token() or _authenticate(_find_scope())
    else:
        g.caller = Caller(DEFAULT_TENANT, KEYLESS, get_context().settings.key_limits)


def _find_scope() -> Scope:
    """Return the scope that the current request needs."""
    if request.blueprint == METRICS_BLUEPRINT:
        return "metrics:read"
    is_reading = request.method in _READING or request.endpoint in MAKES_TOKENS
    return "jobs:read" if is_reading else "jobs:write"


def _authenticate_token() -> Caller | None:
    """Return the caller whose token is in the URL of events; `None` if none is.

    Raises:
        Unauthorized: the token is wrong, or has expired.
    """
    whose = TAKES_TOKENS.get(request.endpoint or "")
    if whose is None or "Authorization" in request.headers:
        return None
    text = request.args.get(IN_QUERY)
    if text is None:
        return None
    key_id = find_token_key(text)
    kept = try_twice(lambda: get_context().store.keys.find(key_id)) if key_id else None
    owner_id = (request.view_args or {})[whose]
    if kept is None or not is_token_of(text, kept, owner_id) or "jobs:read" not in kept.scopes:
        error = Unauthorized("the token is wrong or has expired; get another for these events")
        _refuse(error, f'{_REALM}, error="invalid_token"')
    structlog.contextvars.bind_contextvars(key_id=kept.id, tenant=hash_tenant(kept.tenant))
    limits = fill_limits(kept.limits, get_context().settings.key_limits)
    return Caller(kept.tenant, kept.id, limits, frozenset({"jobs:read"}))


def _authenticate(scope: Scope) -> Caller:
    """Return the caller that the key of the request belongs to.

    Raises:
        Unauthorized: there is no key, or not a valid one.
        Forbidden: the key lacks the scope.

    Source: RFC 6750, sections 2.1 and 3.
    """
    kind, _, text = request.headers.get("Authorization", "").strip().partition(" ")
    if kind.lower() != "bearer":
        _refuse(Unauthorized("send an API key: Authorization: Bearer pj_…"), _REALM)
    text = text.strip()
    key_id = find_key_id(text)
    kept = try_twice(lambda: get_context().store.keys.find(key_id)) if key_id else None
    if kept is None or not is_key_of(text, kept):
        error = Unauthorized("the API key is unknown, wrong or revoked")
        _refuse(error, f'{_REALM}, error="invalid_token"')
    structlog.contextvars.bind_contextvars(key_id=kept.id, tenant=hash_tenant(kept.tenant))
    if scope not in kept.scopes:
        denied = Forbidden(f"this call needs an API key with the scope {scope}")
        _refuse(denied, f'{_REALM}, error="insufficient_scope", scope="{scope}"')
    limits = fill_limits(kept.limits, get_context().settings.key_limits)
    return Caller(kept.tenant, kept.id, limits, kept.scopes)


def _refuse(error: PaintjobError, challenge: str) -> NoReturn:
    g.challenge = challenge
    raise error


def _challenge(response: Response) -> Response:
    if "challenge" in g:
        response.headers["WWW-Authenticate"] = g.challenge
    return response
