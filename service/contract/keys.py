"""API keys: what they look like, what they allow, and what Redis keeps of them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Scope = Literal["jobs:read", "jobs:write", "metrics:read"]
"""`jobs:write` submits, cancels and deletes jobs; `jobs:read` reads them and their results;
`metrics:read` reads the metrics of the whole deployment, so it is for operators."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

CALLER_SCOPES: tuple[Scope, ...] = ("jobs:read", "jobs:write")
"""Scopes of a new key for which none are named."""

KEYLESS = "keyless"
"""Stands for a key's id where none is required; no key has this id."""

REQUESTS = "requests"
PIXELS = "pixels"
KEY_JOBS = "jobs"
TENANT_JOBS = "tenant-jobs"
STORED_JOBS = "stored-jobs"
BATCHES = "batches"
UPLOADS = "uploads"
STORED_BYTES = "stored-bytes"
"""Names of the limits in what callers see."""

MAX_ACTIVE_KEYS = 20
"""Active keys that a tenant may have: two for each of ten services, while they are exchanged."""

_ID_BYTES = 6
_SECRET_BYTES = 32
_KEY = re.compile(r"pj_([0-9a-f]{12})_[0-9a-f]{64}")
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_UNKNOWN = "0" * 64

MOST_OF_KEY = 1_000_000
"""The largest limit that a key can have of its own."""


class KeyLimits(BaseModel):
    """Limits of an API key; None means the deployment's default, or no limit.

    Attributes:
        requests_per_minute: calls of every kind.
        unfinished_jobs: jobs that wait or run at one time.
        megapixels_per_minute: work submitted, by the `cost` of each job, which is what its results
            have in megapixels, and at least 0.1.
        weight: share of the workers beside other tenants; one of 2 is served twice as often.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int | None = Field(None, ge=1, le=MOST_OF_KEY)
    unfinished_jobs: int | None = Field(None, ge=1, le=MOST_OF_KEY)
    megapixels_per_minute: float | None = Field(None, gt=0, le=MOST_OF_KEY)
    weight: float = Field(1.0, ge=0.01, le=100)


@dataclass(frozen=True)
class StoredLimits:
    """Limits of what a tenant stores; None means no limit.

    Attributes:
        jobs: jobs that are not wiped, ended or not.
        batches: batches that have not expired.
        uploads: uploads whose blobs are there.
        bytes: inputs, results and uploads.
    """

    jobs: int | None = None
    batches: int | None = None
    uploads: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class ApiKey:
    """A stored key, without its secret.

    Attributes:
        id: names it in logs and on the command line.
        tenant: owner of all jobs that are submitted with it.
        digest: SHA-256 of the whole key, in hex.
    """

    id: str
    tenant: str
    digest: str
    scopes: frozenset[Scope]
    limits: KeyLimits
    created_at: datetime
    revoked_at: datetime | None = None


def fill_limits(limits: KeyLimits, defaults: KeyLimits) -> KeyLimits:
    """Return limits, with the defaults in place of None."""
    return KeyLimits.model_validate(defaults.model_dump() | limits.model_dump(exclude_none=True))


def to_pixels(megapixels: float | None) -> int | None:
    """Return whole pixels, the unit of budgets; at least one, by which a budget fills up."""
    return None if megapixels is None else max(1, round(megapixels * 1_000_000))


def draw_key() -> str:
    """Draw a key: `pj_{id}_{secret}`, the secret of 256 random bits."""
    return f"pj_{secrets.token_hex(_ID_BYTES)}_{secrets.token_hex(_SECRET_BYTES)}"


def find_key_id(text: str) -> str | None:
    """Return the id within a key; None if the text is no key."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def digest_key(text: str) -> str:
    """Return the digest of a key. Its secret is random, so a fast digest cannot be inverted."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_key_of(text: str, kept: ApiKey | None) -> bool:
    """Return whether a text is the stored key, and not revoked.

    Takes as long for a wrong secret, however much of it is right, as for an unknown or revoked key.
    """
    is_same = hmac.compare_digest(digest_key(text), kept.digest if kept else _UNKNOWN)
    return is_same and kept is not None and kept.revoked_at is None


def check_tenant(name: str) -> None:
    """Check a tenant's name, which becomes a part of keys in Redis.

    Raises:
        ValueError: it breaks the rule.
    """
    if not _TENANT.fullmatch(name):
        raise ValueError(
            "a tenant's name is 1 to 63 of a-z 0-9 . _ - and begins with a letter or a digit"
        )
