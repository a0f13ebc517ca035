"""Limits of a caller: requests are counted here, and every limit is reported in headers.

Jobs and pixels are counted where jobs are accepted, in the same step; this module reports them. The
fields are those of draft-ietf-httpapi-ratelimit-headers-09, as structured fields (RFC 9651). Its
registry has no unit for painting, so `qu` is `pixels`, `jobs`, `batches`,
`uploads` or `bytes`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from flask import Flask, Response, current_app, g
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError

from service.api.access.auth import Caller, find_caller
from service.api.context import get_context
from service.contract.errors import PaintjobError, RateLimited
from service.contract.keys import (
    BATCHES,
    KEY_JOBS,
    PIXELS,
    REQUESTS,
    STORED_BYTES,
    STORED_JOBS,
    TENANT_JOBS,
    UPLOADS,
    to_pixels,
)
from service.store import Usage

OWN_COUNT_SECONDS = 5.0
"""Seconds that a process counts by itself before it tries the broker again."""

log = structlog.get_logger()

_LIMITER = "paintjob_request_limiter"


@dataclass(frozen=True)
class Standing:
    """The state of one limit.

    Attributes:
        remaining: the part that is left.
        reset_seconds: seconds until more is available, if known.
    """

    remaining: int
    reset_seconds: float | None = None


class RequestLimiter:
    """Counts requests by key: in the broker for all processes, or in this one without a broker.

    The window slides: the count of the last minute fades evenly over this one.
    """

    def __init__(self) -> None:
        self._shared: SlidingWindowCounterRateLimiter | None = None
        self._own: SlidingWindowCounterRateLimiter | None = None
        self._shared_again_at = 0.0
        self._lock = threading.Lock()

    def charge(self, key_id: str, per_minute: int, count: int = 1) -> tuple[bool, Standing]:
        """Count requests; return whether they are allowed, and the state of the limit."""
        item = RateLimitItemPerMinute(per_minute)
        if time.monotonic() >= self._shared_again_at:
            try:
                return _hit(self._find_shared(), item, key_id, count)
            except (RedisError, PaintjobError):
                self._shared_again_at = time.monotonic() + OWN_COUNT_SECONDS
                log.warning("requests_counted_locally")
        return _hit(self._find_own(), item, key_id, count)

    def _find_shared(self) -> SlidingWindowCounterRateLimiter:
        if self._shared is None:
            store = get_context().store
            # The namespace's hash tag comes first, so that it decides the slot of every key.
            prefix = f"{store.namespace}:rate"
            pool = store.redis.connection_pool
            storage = RedisStorage("redis://", connection_pool=pool, key_prefix=prefix)
            self._shared = SlidingWindowCounterRateLimiter(storage)
        return self._shared

    def _find_own(self) -> SlidingWindowCounterRateLimiter:
        with self._lock:
            if self._own is None:
                self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
            return self._own


def install(app: Flask) -> None:
    """Count the requests of an app's callers, and report their limits in headers."""
    app.extensions[_LIMITER] = RequestLimiter()
    app.before_request(_charge)
    app.after_request(_report)


def charge_items(count: int) -> None:
    """Count the items of a batch as calls; the request itself was counted as one.

    A batch of more items than a minute allows takes the whole minute.

    Raises:
        RateLimited: the key's calls of this minute do not suffice.
    """
    caller = find_caller()
    if caller is not None and caller.limits.requests_per_minute is not None and count > 1:
        _charge(min(count, caller.limits.requests_per_minute) - 1)


def _charge(count: int = 1) -> None:
    caller = find_caller()
    if caller is None or caller.limits.requests_per_minute is None:
        return
    limiter: RequestLimiter = current_app.extensions[_LIMITER]
    is_free, standing = limiter.charge(caller.key_id, caller.limits.requests_per_minute, count)
    g.standings = {REQUESTS: standing}
    if not is_free:
        detail = "too many requests in the last minute; wait for the seconds in Retry-After"
        wait = max(1.0, standing.reset_seconds or 0.0)
        raise RateLimited(detail, retry_after_seconds=wait, policy=REQUESTS)


def note_usage(usage: Usage) -> None:
    """Report the limits of jobs and pixels after a submission in the response."""
    caller = find_caller()
    if caller is None:
        return
    if caller.limits.megapixels_per_minute is not None:
        left = Standing(max(0, usage.pixels_left), usage.full_in_seconds)
        g.standings = {**g.get("standings", {}), PIXELS: left}
    note_counts(
        {
            KEY_JOBS: usage.key_jobs,
            TENANT_JOBS: usage.tenant_jobs,
            STORED_JOBS: usage.stored.jobs,
            STORED_BYTES: usage.stored.bytes,
        }
    )


def note_counts(counts: Mapping[str, int]) -> None:
    """Report limits in the response, given how much of each is used, by name."""
    caller = find_caller()
    if caller is None:
        return
    quotas = _find_quotas(caller)
    known = {
        name: Standing(max(0, quotas[name] - used))
        for name, used in counts.items()
        if name in quotas
    }
    g.standings = {**g.get("standings", {}), **known}


def _hit(
    counter: SlidingWindowCounterRateLimiter,
    item: RateLimitItemPerMinute,
    key_id: str,
    count: int,
) -> tuple[bool, Standing]:
    is_free = counter.hit(item, key_id, cost=count)
    stats = counter.get_window_stats(item, key_id)
    left = stats.remaining if is_free else 0
    return is_free, Standing(left, max(0.0, stats.reset_time - time.time()))


def _find_quotas(caller: Caller) -> dict[str, int]:
    """Return the limits of a caller, by name."""
    own, stored = caller.limits, get_context().settings.stored_limits
    quotas = {
        REQUESTS: own.requests_per_minute,
        PIXELS: to_pixels(own.megapixels_per_minute),
        KEY_JOBS: own.unfinished_jobs,
        TENANT_JOBS: get_context().settings.tenant_job_limit,
        STORED_JOBS: stored.jobs,
        BATCHES: stored.batches,
        UPLOADS: stored.uploads,
        STORED_BYTES: stored.bytes,
    }
    return {name: quota for name, quota in quotas.items() if quota is not None}


_PARAMETERS: Mapping[str, str] = {
    REQUESTS: ";w=60",
    PIXELS: ';qu="pixels";w=60',
    KEY_JOBS: ';qu="jobs"',
    TENANT_JOBS: ';qu="jobs"',
    STORED_JOBS: ';qu="jobs"',
    BATCHES: ';qu="batches"',
    UPLOADS: ';qu="uploads"',
    STORED_BYTES: ';qu="bytes"',
}


def _report(response: Response) -> Response:
    caller = find_caller()
    standings: dict[str, Standing] = dict(g.get("standings", {}))
    refused = g.get("refused")
    if refused is not None:
        standings[refused.policy] = Standing(0, refused.retry_after_seconds)
    if caller is None or not standings:
        return response
    quotas = _find_quotas(caller)
    response.headers["RateLimit-Policy"] = ", ".join(
        f'"{name}";q={quotas[name]}{_PARAMETERS[name]}' for name in standings
    )
    response.headers["RateLimit"] = ", ".join(
        f'"{name}";r={standing.remaining}{_format_reset(standing)}'
        for name, standing in standings.items()
    )
    return response


def _format_reset(standing: Standing) -> str:
    seconds = standing.reset_seconds
    return "" if seconds is None else f";t={math.ceil(seconds)}"
