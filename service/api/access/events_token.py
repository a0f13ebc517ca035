"""Tokens for the URL of the events of a job or batch, fetched without headers by `EventSource`.

A token names the key that it was made with, and is signed by that key's digest, which only the
broker has: nothing is stored, and a token ends with its key. It opens the events of one job or
batch, for reading.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from service.contract.keys import ApiKey

LIFETIME_SECONDS = 600
"""Seconds in which a stream may be opened, also again after it was cut; an open one goes on."""

_TOKEN = re.compile(r"pjt_([0-9a-f]{12})_([0-9]{1,12})_([0-9a-f]{64})")


def make_token(key: ApiKey, owner_id: str, expires_at: int) -> str:
    """Return a token.

    Args:
        key: of the caller.
        owner_id: the job or batch whose events it opens.
        expires_at: seconds since 1970.
    """
    return f"pjt_{key.id}_{expires_at}_{_sign(key, owner_id, expires_at)}"


def find_token_key(text: str) -> str | None:
    """Return the id of the key that a token names; `None` if the text is no token."""
    found = _TOKEN.fullmatch(text)
    return found[1] if found else None


def is_token_of(text: str, key: ApiKey, owner_id: str) -> bool:
    """Return whether a token is of this key and job or batch, and both still hold."""
    found = _TOKEN.fullmatch(text)
    if found is None or key.revoked_at is not None:
        return False
    expires_at = int(found[2])
    is_signed = hmac.compare_digest(found[3], _sign(key, owner_id, expires_at))
    return is_signed and time.time() < expires_at


def _sign(key: ApiKey, owner_id: str, expires_at: int) -> str:
    message = f"events {key.id} {owner_id} {expires_at}".encode()
    return hmac.new(key.digest.encode(), message, hashlib.sha256).hexdigest()
