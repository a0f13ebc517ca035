"""A job's events for one client: Server-Sent Events that resume where they were cut.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html

Knows no Flask.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from service.contract.errors import BrokerUnavailable, Fault, InvalidField, MissingResource
from service.contract.jobs import Progress
from service.documents.jobs import describe_event, describe_skip
from service.documents.schemas import JobEvent
from service.store import START, EventId, JobView, StoredEvent
from service.waiting.streams import Waiter
from service.waiting.waiting import TICK_SECONDS, Watched, is_ended

HEADER = "Last-Event-ID"
MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
"""Time after which a client reconnects when its stream was cut."""

_LOOK_BACK = 8
"""Events of other kinds that may lie between two progress events."""

_ID = re.compile(r"([0-9]{1,9})-([0-9]{1,15})-([0-9]{1,9})")


@dataclass(frozen=True)
class Mark:
    """The last event that a client has received: its position, and the job's version then."""

    id: EventId = START
    version: int = 0

    def __str__(self) -> str:
        """Return the mark as it is sent."""
        return f"{self.version}-{self.id}"


def parse_mark(header: str | None) -> Mark:
    """Read `Last-Event-ID`.

    Raises:
        InvalidField: it is not an id of an event.
    """
    if not header:
        return Mark()
    found = _ID.fullmatch(header)
    if found is None:
        message = "must be the unchanged id of an event of this job"
        raise InvalidField(message, faults=(Fault(HEADER, "invalid_field", message),))
    version, milliseconds, number = map(int, found.groups())
    return Mark(EventId(milliseconds, number), version)


class Feed:
    """The events of one job for one client.

    Args:
        waiter: the client's slot.
        job: the job.
        base_url: prefix of all URLs; empty for relative ones.
    """

    def __init__(self, waiter: Waiter, job: Watched, base_url: str) -> None:
        self._waiter = waiter
        self._job = job
        self._base_url = base_url
        self._last = Mark()
        self._preview: str | None = None
        self._past: list[StoredEvent] = []

    def open(self, last: Mark) -> bool:
        """Subscribe, and read the missed events; return whether there are or will be any.

        Args:
            last: the last event that the client has received.

        Raises:
            NotFound, JobExpired, BrokerUnavailable: as the store's `load`.
        """
        store, job_id = self._job.store, self._job.job_id
        tail = self._waiter.join(job_id).job
        # A broker that crashed may have lost its last second: events that were received are gone.
        self._last = Mark(min(last.id, tail), last.version)
        # In this order: if the job has ended, all its events are there.
        view = self._job.load()
        self._past = store.events.load_after(job_id, self._last.id)
        before = store.events.load_before(job_id, self._last.id, _LOOK_BACK) if last.version else []
        shown = [event for event in before if event.kind == "progress"]
        self._preview = (
            Progress.model_validate_json(shown[0].data, extra="ignore").preview_path
            if shown
            else None
        )
        return bool(self._past) or not is_ended(view)

    def stream(self) -> Iterator[bytes]:
        """Yield the messages, until the job ends, the client leaves, or the process stops."""
        try:
            yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
            yield from self._messages()
        except GeneratorExit:
            # Closed from outside: writing to the client failed.
            self._leave()
            raise

    def _messages(self) -> Iterator[bytes]:
        yield from self._report_skipped()
        for event in self._past:
            yield self._render(event)
            if event.is_end:
                return
        yield from self._follow()

    def _report_skipped(self) -> Iterator[bytes]:
        """Yield a message if events after the client's last one are no longer kept."""
        if self._past and self._past[0].version > self._last.version + 1:
            first = self._past[0]
            yield _write(describe_skip(first), None)

    def _follow(self) -> Iterator[bytes]:
        """Yield the events from now on."""
        beat_at = time.monotonic() + HEARTBEAT_SECONDS
        while True:
            event = self._waiter.take(min(TICK_SECONDS, max(0.0, beat_at - time.monotonic())))
            # Before any event: a job that reports progress all the time leaves no pause to look in.
            if reason := self._find_reason_to_end(event):
                yield f": {reason}\n\n".encode()
                return
            if event is not None and (event.kind == "wiped" or event.id > self._last.id):
                yield self._render(event)
                if event.is_end:
                    return
                beat_at = time.monotonic() + HEARTBEAT_SECONDS
            elif self._job.is_gone():
                self._leave()
                return
            elif time.monotonic() >= beat_at:
                yield b": still there\n\n"
                if self._is_over():
                    return
                beat_at = time.monotonic() + HEARTBEAT_SECONDS

    def _find_reason_to_end(self, event: StoredEvent | None) -> str:
        """Return the reason to end the stream before the job ends; empty if there is none."""
        if event is None and self._waiter.is_cut:
            return "this stream is cut; reconnect with Last-Event-ID"
        return "" if self._job.is_allowed() else "the API key was revoked"

    def _is_over(self) -> bool:
        """Return whether the job has ended, in case the broker has lost its last event."""
        try:
            return is_ended(self._job.load())
        except MissingResource:
            return True
        except BrokerUnavailable:
            return False

    def _render(self, event: StoredEvent) -> bytes:
        view = self._load_ended() if event.is_end and event.kind == "status" else None
        shown = describe_event(event, self._job.job_id, self._base_url, view, self._preview)
        if event.kind == "progress":
            self._preview = Progress.model_validate_json(event.data, extra="ignore").preview_path
        if event.kind == "wiped":
            return _write(shown.model_copy(update={"version": self._last.version}), None)
        self._last = Mark(event.id, event.version)
        return _write(shown, self._last)

    def _load_ended(self) -> JobView | None:
        """Return the job that has ended; None if it cannot be read any more."""
        try:
            return self._job.load()
        except (MissingResource, BrokerUnavailable):
            return None

    def _leave(self) -> None:
        view = self._load_ended()
        if view is not None and not is_ended(view):
            self._job.cancel_if_asked(view)


def _write(event: JobEvent, mark: Mark | None) -> bytes:
    """Write a message; JSON has no line breaks of its own."""
    head = f"id: {mark}\n" if mark is not None else ""
    return f"{head}event: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()
