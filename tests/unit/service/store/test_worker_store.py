"""The store that a worker holds is narrow: its claims, its presence, the reaper."""

from __future__ import annotations

from dataclasses import fields
from inspect import getmembers, ismethod

from service.store import WorkerStore, connect
from service.store.runner import StorePart


def test_worker_store_has_few_methods() -> None:
    store = connect("redis://127.0.0.1:1").for_worker()
    parts = [getattr(store, each.name) for each in fields(WorkerStore)]
    named = [
        name
        for part in parts
        if isinstance(part, StorePart)
        for name, _ in getmembers(part, ismethod)
        if not name.startswith("_")
    ]
    assert len(named) <= 15, named
    assert not {"submit", "delete", "load", "add", "revoke"} & set(named)
