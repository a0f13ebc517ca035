"""The API keys in Redis: digests, scopes, limits, and when they were revoked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from service.contract.keys import (
    MAX_ACTIVE_KEYS,
    ApiKey,
    KeyLimits,
    Scope,
    check_tenant,
    digest_key,
    find_key_id,
)
from service.store.runner import StorePart


class ApiKeys(StorePart):
    """The keys, for the API and the command line."""

    def add(self, key: str, tenant: str, scopes: Collection[Scope], limits: KeyLimits) -> ApiKey:
        """Keep a key that was drawn; only a digest of its secret is stored.

        Raises:
            ValueError: the key or the tenant's name is malformed, or the tenant has as many active
                keys as it may.
            BrokerUnavailable: no answer; the call may be repeated with the same key.
        """
        check_tenant(tenant)
        key_id = find_key_id(key)
        if key_id is None:
            raise ValueError("the text is not an API key")
        verdict = self._scripts.run(
            "add_key",
            key_id=key_id,
            digest=digest_key(key),
            tenant=tenant,
            scopes=" ".join(sorted(scopes)),
            limits=limits.model_dump_json(),
            max_active=MAX_ACTIVE_KEYS,
        ).decode()
        if verdict == "too_many":
            raise ValueError(
                f"{tenant} has {MAX_ACTIVE_KEYS} active keys, the limit; revoke an unused one"
            )
        kept = self.find(key_id)
        if verdict != "kept" or kept is None:
            raise ValueError("the id of this key is in use; draw another key")
        return kept

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key with this id, revoked or not; None if there is none."""
        fields: Any = self._scripts.guard(
            lambda: self._scripts.redis.hgetall(self._scripts.key("key", key_id))
        )
        return _parse_key(key_id, fields) if fields else None

    def load_all(self) -> list[ApiKey]:
        """Return all keys, oldest first, the revoked ones too."""
        ids: Any = self._scripts.guard(
            lambda: self._scripts.redis.zrange(self._scripts.key("keys"), 0, -1)
        )
        found = [self.find(key_id.decode()) for key_id in ids]
        return [key for key in found if key is not None]

    def revoke(self, key_id: str) -> bool:
        """Revoke a key: no later call is accepted with it. Return False if there is none.

        Its record stays, so that a log line with its id can still be explained.
        """
        return bool(self._scripts.run("revoke_key", key_id=key_id))


def _parse_key(key_id: str, fields: Mapping[bytes, bytes]) -> ApiKey:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    scopes: Any = frozenset(texts["scopes"].split())
    return ApiKey(
        id=key_id,
        tenant=texts["tenant"],
        digest=texts["digest"],
        scopes=scopes,
        limits=KeyLimits.model_validate_json(texts["limits"], extra="ignore"),
        created_at=_parse_time(texts["created_at"]),
        revoked_at=_parse_time(texts["revoked_at"]) if texts["revoked_at"] else None,
    )


def _parse_time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
