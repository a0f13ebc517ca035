"""API keys in Redis: digests only, revoked at once, a bounded number for each tenant."""

from __future__ import annotations

import pytest

from service.contract.keys import MAX_ACTIVE_KEYS, SCOPES, KeyLimits, digest_key, draw_key
from service.store import JobStore
from tests.support.keys import make_key
from tests.support.snapshots import check_rules, take_snapshot


def test_add_key_keeps_everything_but_the_secret(store: JobStore) -> None:
    key = draw_key()
    limits = KeyLimits(requests_per_minute=9, megapixels_per_minute=0.5, weight=3)
    kept = store.keys.add(key, "acme", ["jobs:read"], limits)
    assert store.keys.find(kept.id) == kept
    assert (kept.tenant, list(kept.scopes), kept.limits) == ("acme", ["jobs:read"], limits)
    assert (kept.digest, kept.revoked_at) == (digest_key(key), None)
    dump = str(take_snapshot(store.redis, store.namespace))
    assert key.rpartition("_")[2] not in dump
    check_rules(take_snapshot(store.redis, store.namespace))


def test_add_key_refuses_an_id_that_is_taken(store: JobStore) -> None:
    key = make_key(store)
    twin = key[: -len("0000")] + "0000"
    with pytest.raises(ValueError, match="in use"):
        store.keys.add(twin, "other", SCOPES, KeyLimits())


def test_add_key_bounds_the_active_keys_of_a_tenant(store: JobStore) -> None:
    keys = [make_key(store) for _ in range(MAX_ACTIVE_KEYS)]
    with pytest.raises(ValueError, match=str(MAX_ACTIVE_KEYS)):
        make_key(store)
    make_key(store, "other")
    assert store.keys.revoke(keys[0].split("_")[1])
    make_key(store)


def test_list_keys_gives_all_oldest_first(store: JobStore) -> None:
    ids = [make_key(store, tenant).split("_")[1] for tenant in ("a", "b")]
    store.keys.revoke(ids[0])
    listed = {key.id: key.revoked_at is None for key in store.keys.load_all()}
    assert listed == {ids[0]: False, ids[1]: True}


def test_revoke_key_tells_whether_there_is_one(store: JobStore) -> None:
    key_id = make_key(store).split("_")[1]
    assert store.keys.revoke(key_id)
    first = store.keys.find(key_id)
    assert first is not None
    assert first.revoked_at is not None
    assert store.keys.revoke(key_id)
    assert store.keys.find(key_id) == first, "the first time stands"
    assert not store.keys.revoke("000000000000")
