"""The events of jobs: a stream for each, and one of the jobs that were wiped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from service.contract.jobs import JobStatus
from service.store.runner import ScriptRunner, StorePart

BLOCK_SECONDS = 0.2
"""Seconds that a reader waits in Redis at a time, well below the socket's timeout."""

_READ_AT_ONCE = 100


class EventId(NamedTuple):
    """Where an event stands in its stream: Redis' milliseconds, and a number within them."""

    milliseconds: int
    number: int

    @classmethod
    def parse(cls, text: bytes) -> EventId:
        """Read an id as Redis writes it."""
        milliseconds, _, number = text.partition(b"-")
        return cls(int(milliseconds), int(number))

    def __str__(self) -> str:
        """Write it as Redis does."""
        return f"{self.milliseconds}-{self.number}"


START = EventId(0, 0)
"""Before the first event."""


@dataclass(frozen=True)
class StoredEvent:
    """One thing that happened to a job.

    Attributes:
        id: where it stands in the job's stream.
        kind: `status`, `painting`, `progress`, `mask`, `cancel_requested`; or `wiped`, after which
            no event follows.
        version: the job's version since then; it counts the events.
        at: when it happened.
        data: a status, or a JSON document, or nothing.
    """

    id: EventId
    kind: str
    version: int
    at: datetime
    data: str

    @property
    def is_end(self) -> bool:
        """True when no other event follows."""
        return self.kind == "wiped" or (self.kind == "status" and JobStatus(self.data).is_terminal)


@dataclass(frozen=True)
class Tails:
    """The last ids of a job's stream and of that of the wiped jobs."""

    job: EventId
    wiped: EventId


@dataclass(frozen=True)
class Found:
    """Result of a read: events by job id, and ids of jobs that were wiped, oldest first."""

    events: Mapping[str, Sequence[StoredEvent]]
    wiped: Sequence[tuple[EventId, str]]


class Events(StorePart):
    """The events, for clients that follow a job."""

    def find_tails(self, job_id: str) -> Tails:
        """Return where the streams end now."""
        return Tails(
            self._last_id(self._scripts.key("events", job_id)),
            self._last_id(self._scripts.key("wiped")),
        )

    def load_after(self, job_id: str, after: EventId = START) -> list[StoredEvent]:
        """Return the stored events of a job after one of them, oldest first."""
        key = self._scripts.key("events", job_id)
        replies: Any = self._scripts.guard(lambda: self._scripts.redis.xrange(key, min=f"({after}"))
        return [_parse_event(reply) for reply in replies]

    def load_before(self, job_id: str, end: EventId, count: int) -> list[StoredEvent]:
        """Return the last events up to and with one of them, latest first."""
        key = self._scripts.key("events", job_id)
        replies: Any = self._scripts.guard(
            lambda: self._scripts.redis.xrevrange(key, max=str(end), count=count)
        )
        return [_parse_event(reply) for reply in replies]

    def open_reader(self) -> EventReader:
        """Open a reader, which has a connection of its own.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        return EventReader(self._scripts)

    def wake_reader(self, connection_id: int) -> bool:
        """Have a reader that waits in Redis return at once; return whether it waited."""
        try:
            return bool(self._scripts.redis.client_unblock(connection_id))
        except RedisError:
            # Refused or out of reach: the reader returns by itself soon.
            return False

    def _last_id(self, key: str) -> EventId:
        replies: Any = self._scripts.guard(lambda: self._scripts.redis.xrevrange(key, count=1))
        return EventId.parse(replies[0][0]) if replies else START


class EventReader:
    """Waits in Redis for events of many jobs at once.

    Args:
        scripts: whose connection pool and names it uses.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """

    def __init__(self, scripts: ScriptRunner) -> None:
        self._scripts = scripts
        # Connects at once.
        self._redis: Redis = scripts.guard(scripts.redis.client)

    def get_connection_id(self) -> int:
        """Return the number by which Redis knows the reader's connection."""
        return int(self._scripts.guard(self._redis.client_id))

    def read(self, positions: Mapping[str, EventId], wiped: EventId) -> Found:
        """Wait for a moment until there is something new.

        Args:
            positions: the last event that is known, by job id.
            wiped: the last wiped job that is known.

        Raises:
            BrokerUnavailable: Redis does not answer; open another reader.
        """
        prefix, end = self._scripts.key("events", ""), self._scripts.key("wiped")
        streams: Any = {f"{prefix}{job_id}": str(last) for job_id, last in positions.items()}
        streams[end] = str(wiped)
        block = round(BLOCK_SECONDS * 1000)
        # Not repeated: another connection has another number, by which nobody could wake it.
        answer: Any = self._scripts.link.call(
            lambda: self._redis.xread(streams, count=_READ_AT_ONCE, block=block), repeats=False
        )
        by_key = {key.decode(): entries for key, entries in answer or []}
        gone = [
            (EventId.parse(wiped_at), fields[b"job_id"].decode())
            for wiped_at, fields in by_key.pop(end, [])
        ]
        events = {
            key.removeprefix(prefix): [_parse_event(entry) for entry in entries]
            for key, entries in by_key.items()
        }
        return Found(events, gone)

    def close(self) -> None:
        """Return the connection to the pool."""
        self._redis.close()


def make_wiped(event_id: EventId) -> StoredEvent:
    """Make the event of a job that was wiped; no stream holds it."""
    at = datetime.fromtimestamp(event_id.milliseconds / 1000, tz=UTC)
    return StoredEvent(event_id, "wiped", 0, at, "")


def _parse_event(reply: tuple[bytes, Mapping[bytes, bytes]]) -> StoredEvent:
    event_id, fields = reply
    return StoredEvent(
        id=EventId.parse(event_id),
        kind=fields[b"type"].decode(),
        version=int(fields[b"version"]),
        at=datetime.fromtimestamp(int(fields[b"at"]) / 1000, tz=UTC),
        data=fields[b"data"].decode(),
    )
