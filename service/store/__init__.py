"""The job records in Redis, and the only code that touches them.

The record decides what happens to a job; RQ only wakes workers. Every change is one Lua script
(`scripts/`) that checks the old status and the claim's token first, and is safe to run twice with
the same arguments. All keys share one hash tag, so that they lie in one slot of a cluster. Times
come from Redis' clock.
"""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.contract.names import DEFAULT_NAMESPACE
from service.store.api_keys import Keys
from service.store.batches import Batches, BatchItem, BatchRecord, BegunBatch, Upload
from service.store.capacity import BrokerMemory, QueueState, Room
from service.store.claims import (
    Claimed,
    Claims,
    FinishVerdict,
    Outcome,
    ReleaseVerdict,
    RenewVerdict,
)
from service.store.events import (
    START,
    EventId,
    EventReader,
    Events,
    Found,
    StoredEvent,
    Tails,
    make_wiped,
)
from service.store.listing import JobPage, ListedJob, Listing
from service.store.outbox import EndVerdict, Outbox, Shares, TakenWebhook
from service.store.runner import SCRIPTS, try_twice
from service.store.submissions import (
    Idempotency,
    Submissions,
    SubmitLimits,
    Submitted,
    Usage,
)
from service.store.upkeep import Presence, ReapReport, Upkeep, wiped_job_id
from service.store.verdicts import failure_of
from service.store.views import JobView
from service.store.webhook_keys import WebhookKey, WebhookKeys, draw_secret

__all__ = [
    "SCRIPTS",
    "START",
    "BatchItem",
    "BatchRecord",
    "BegunBatch",
    "BrokerMemory",
    "Claimed",
    "EndVerdict",
    "EventId",
    "EventReader",
    "FinishVerdict",
    "Found",
    "Idempotency",
    "JobPage",
    "JobStore",
    "JobView",
    "ListedJob",
    "Outcome",
    "Presence",
    "QueueState",
    "ReapReport",
    "ReleaseVerdict",
    "RenewVerdict",
    "Shares",
    "StoredEvent",
    "SubmitLimits",
    "Submitted",
    "Tails",
    "TakenWebhook",
    "Upload",
    "Usage",
    "WebhookKey",
    "connect",
    "draw_secret",
    "failure_of",
    "make_wiped",
    "try_twice",
    "wiped_job_id",
]


class JobStore(
    Submissions, Batches, Claims, Upkeep, Events, Listing, Room, Keys, Outbox, WebhookKeys
):
    """Job records by id: all that API, workers, reapers and couriers do with them, and keys.

    Every method raises `BrokerUnavailable` when Redis does not answer or refuses to write; whether
    the change was made is then unknown, and the call may be repeated with the same arguments.
    """


def connect(
    url: str,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    lease_seconds: float = 10.0,
    socket_timeout: float = 1.0,
) -> JobStore:
    """Open the store at a Redis URL; connects at the first call.

    The client neither waits long nor repeats: whoever calls decides whether to call again.
    """
    redis = Redis.from_url(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=socket_timeout,
        retry=Retry(NoBackoff(), 0),
    )
    return JobStore(redis, namespace, lease_seconds)
