"""The keys that sign webhooks: at most two a tenant, so that a new one can replace an old one.

They are kept in plain text, not hashed: signing needs the key.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.store.runner import StorePart

MAX_KEYS = 2
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with is none


@dataclass(frozen=True)
class SigningKey:
    """A tenant's signing key.

    Attributes:
        secret: `whsec_` and base64, as the libraries of Standard Webhooks take it.
    """

    key_id: str
    secret: str
    created_at: datetime


def draw_secret() -> str:
    """Draw a random secret."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


class SigningKeys(StorePart):
    """The signing keys of all tenants."""

    def add(self, tenant: str, key_id: str, secret: str) -> None:
        """Add a key, drawn by the caller; adding it again does nothing.

        Raises:
            ValueError: the tenant has two keys.
        """
        verdict = self._scripts.run(
            "add_webhook_key", tenant=tenant, key_id=key_id, secret=secret, most=MAX_KEYS
        )
        if verdict != b"ok":
            raise ValueError(f"tenant {tenant} has {MAX_KEYS} keys, the limit; retire one first")

    def load_all(self, tenant: str) -> list[SigningKey]:
        """Return a tenant's keys, newest first."""
        texts = self._scripts.guard(
            lambda: self._scripts.redis.hvals(self._scripts.key("webhook_keys", tenant))
        )
        keys = [_parse_key(json.loads(text)) for text in texts]
        return sorted(keys, key=lambda key: key.created_at, reverse=True)

    def has_any(self, tenant: str) -> bool:
        """Return whether a tenant has a key."""
        return bool(
            self._scripts.guard(
                lambda: self._scripts.redis.exists(self._scripts.key("webhook_keys", tenant))
            )
        )

    def retire(self, tenant: str, key_id: str) -> bool:
        """Delete a key; return False if there was none."""
        return bool(
            self._scripts.guard(
                lambda: self._scripts.redis.hdel(self._scripts.key("webhook_keys", tenant), key_id)
            )
        )


def _parse_key(document: dict[str, Any]) -> SigningKey:
    created_at = datetime.fromtimestamp(document["created_at"] / 1000, tz=UTC)
    return SigningKey(document["id"], document["secret"], created_at)
