from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import Any

import pytest

from service.contract.keys import (
    KEYLESS,
    ApiKey,
    KeyLimits,
    check_tenant,
    digest_key,
    draw_key,
    find_key_id,
    is_key_of,
)


def _keep(key: str, **changes: Any) -> ApiKey:
    given = {"digest": digest_key(key), "revoked_at": None} | changes
    scopes: Any = frozenset({"jobs:read"})
    return ApiKey(
        "id", "acme", scopes=scopes, limits=KeyLimits(), created_at=datetime.now(UTC), **given
    )


def test_drawn_keys_have_an_id_and_a_secret_of_their_own() -> None:
    keys = [draw_key() for _ in range(100)]
    assert len({find_key_id(key) for key in keys}) == 100
    assert len({key.rpartition("_")[2] for key in keys}) == 100
    assert KEYLESS not in {find_key_id(key) for key in keys}


WHOLE = f"pj_0123456789ab_{'0' * 64}"


@pytest.mark.parametrize("text", ["", "pj__", "pj_0123456789ab_", f"x{WHOLE}", f"{WHOLE}0"])
def test_malformed_keys_have_no_id(text: str) -> None:
    assert find_key_id(text) is None


def test_key_is_known_by_its_digest_alone() -> None:
    key = draw_key()
    kept = _keep(key)
    assert is_key_of(key, kept)
    assert not is_key_of(draw_key(), kept)
    assert not is_key_of(key[:-1] + ("0" if key[-1] != "0" else "1"), kept)
    assert not is_key_of(key, None)
    assert not is_key_of(key, _keep(key, revoked_at=datetime.now(UTC)))
    assert key.rpartition("_")[2] not in repr(kept)


def test_keys_are_compared_in_constant_time_whatever_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[str, str]] = []

    def record(left: str, right: str) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", record)
    key = draw_key()
    for kept in (_keep(key), _keep(draw_key()), None, _keep(key, revoked_at=datetime.now(UTC))):
        is_key_of(key, kept)
    assert len(compared) == 4
    # Digests of one length, so that not even the length of the text shows.
    assert all(len(left) == len(right) == 64 for left, right in compared)


@pytest.mark.parametrize("name", ["", "A", "a:b", "{a}", "-a", "a" * 64, "a b", "ä"])
def test_tenants_that_would_break_a_redis_key_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        check_tenant(name)
