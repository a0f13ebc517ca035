"""API keys for tests, made as `paintjob keys create` makes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from service.contract.keys import SCOPES, KeyLimits, Scope, draw_key
from service.store import JobStore


def make_key(
    store: JobStore, tenant: str = "acme", scopes: Collection[Scope] = SCOPES, **limits: Any
) -> str:
    """Keep a new key of a tenant; gives it whole."""
    key = draw_key()
    store.keys.add(key, tenant, scopes, KeyLimits(**limits))
    return key


def bearer(key: str) -> dict[str, str]:
    """Return the header that a key is sent in."""
    return {"Authorization": f"Bearer {key}"}
