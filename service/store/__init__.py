"""The job records in Redis, the blobs, and the only code that touches either.

The record decides what happens to a job; RQ only wakes workers. Every change is one Lua script
(`scripts/`) that checks the old status and the claim's token first, and is safe to run twice with
the same arguments. All keys share one hash tag, so that they lie in one slot of a cluster. Times
come from Redis' clock. Knows nothing of HTTP, and no picture but as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE
from service.store.api_keys import ApiKeys
from service.store.batches import Batches, BatchItem, BatchRecord, BegunBatch
from service.store.broker import HEALTH_SECONDS, open_redis
from service.store.broker_faults import BrokerLink
from service.store.broker_memory import BrokerCheck, BrokerMemory
from service.store.claims import (
    ClaimCalls,
    ClaimedSpec,
    Claims,
    FinishVerdict,
    Outcome,
    ReleaseVerdict,
    RenewVerdict,
    Report,
    make_mask,
    make_progress,
    make_started,
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
from service.store.gauges import GaugeReader, Gauges, HeldJob
from service.store.job_records import (
    Idempotency,
    JobRecords,
    SubmitLimits,
    Submitted,
    Usage,
)
from service.store.listing import JobPage, ListedJob
from service.store.presence import OnlineWorker, Presence
from service.store.queues import Queues, QueueState
from service.store.reaping import Reaper, ReapReport, Wipes, wiped_prefix
from service.store.runner import SCRIPTS, ScriptCall, ScriptRunner, try_twice
from service.store.signing_keys import SigningKey, SigningKeys, draw_secret
from service.store.stored import Holdings, InputBytes, Stored
from service.store.upload_records import Upload, Uploads
from service.store.usage import DayOfKey, UsageCounts
from service.store.verdicts import failure_of
from service.store.views import JobView
from service.store.webhook_records import EndVerdict, Shares, TakenWebhook, Webhooks

__all__ = [
    "SCRIPTS",
    "START",
    "BatchItem",
    "BatchRecord",
    "BegunBatch",
    "BrokerCheck",
    "BrokerLink",
    "BrokerMemory",
    "ClaimCalls",
    "ClaimedSpec",
    "Claims",
    "DayOfKey",
    "EndVerdict",
    "EventId",
    "EventReader",
    "Events",
    "FinishVerdict",
    "Found",
    "Gauges",
    "HeldJob",
    "Idempotency",
    "InputBytes",
    "JobPage",
    "JobStore",
    "JobView",
    "ListedJob",
    "OnlineWorker",
    "Outcome",
    "Presence",
    "QueueState",
    "ReapReport",
    "Reaper",
    "ReleaseVerdict",
    "RenewVerdict",
    "Report",
    "ScriptCall",
    "Shares",
    "SigningKey",
    "Stored",
    "StoredEvent",
    "SubmitLimits",
    "Submitted",
    "Tails",
    "TakenWebhook",
    "Upload",
    "Usage",
    "WorkerStore",
    "connect",
    "draw_secret",
    "failure_of",
    "make_mask",
    "make_progress",
    "make_started",
    "make_wiped",
    "open_redis",
    "try_twice",
    "wiped_prefix",
]


@dataclass(frozen=True)
class WorkerStore:
    """All of the store that a worker holds: its claims, its presence, and the reaper.

    Attributes:
        redis: the connection, for wake-ups and RQ's heartbeat.
        link: calls it, and logs why it cannot be used.
        namespace: prefix of all keys.
    """

    redis: Redis
    link: BrokerLink
    namespace: str
    claims: ClaimCalls
    presence: Presence
    reaper: Reaper


class JobStore:
    """All that is kept in Redis, one part a subject, over one script runner.

    Every method of a part raises `BrokerUnavailable` when Redis does not answer or refuses to
    write; whether the change was made is then unknown, and the call may be repeated with the same
    arguments.
    """

    def __init__(
        self,
        redis: Redis,
        namespace: str = DEFAULT_NAMESPACE,
        lease_seconds: float = 10.0,
        *,
        logs: bool = True,
    ) -> None:
        self.scripts = scripts = ScriptRunner(redis, namespace, lease_seconds, logs=logs)
        self.redis = redis
        self.namespace = namespace
        self.jobs = JobRecords(scripts)
        self.batches = Batches(scripts)
        self.uploads = Uploads(scripts)
        self.holdings = Holdings(scripts)
        self.usage = UsageCounts(scripts)
        self.claims = Claims(scripts)
        self.presence = Presence(scripts)
        self.reaper = Reaper(scripts)
        self.wipes = Wipes(scripts)
        self.events = Events(scripts)
        self.queues = Queues(scripts)
        self.gauges = GaugeReader(scripts)
        self.keys = ApiKeys(scripts)
        self.webhooks = Webhooks(scripts)
        self.signing_keys = SigningKeys(scripts)

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()

    def check_ready(self) -> None:
        """Check that Redis answers, and runs scripts for this user.

        Raises:
            BrokerUnavailable: it does not.
        """
        self.queues.load_state(CPU_QUEUE)

    def for_worker(self) -> WorkerStore:
        """Return the parts that a worker needs, and no other."""
        link = self.scripts.link
        return WorkerStore(
            self.redis,
            link,
            self.namespace,
            ClaimCalls(self.scripts),
            self.presence,
            self.reaper,
        )


def connect(
    url: str,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    lease_seconds: float = 10.0,
    socket_timeout: float = 1.0,
    logs: bool = True,
) -> JobStore:
    """Open the store at a Redis URL; connects at the first call.

    The client does not wait long: the caller decides whether to call again. A command line, which
    prints the cause itself, switches the logs off.

    Raises:
        SettingsError: the URL cannot be read.
    """
    redis = open_redis(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=socket_timeout,
        health_check_interval=HEALTH_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return JobStore(redis, namespace, lease_seconds, logs=logs)
