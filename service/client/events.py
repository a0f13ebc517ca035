"""Events of jobs and batches: the reading of Server-Sent Events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from typing import Generic, TypeVar

import httpx2

from .answers import Document
from .documents import BatchEvent, JobEvent

Event = TypeVar("Event", bound=Document)

HEADER = "Last-Event-ID"
RECONNECT_SECONDS = 1.0
"""Pause before a stream that was cut is asked for again."""


class EventReader(Generic[Event]):
    """Reads the lines of the streams of one job or batch, over reconnections.

    Args:
        kind: class of the events' data.

    Attributes:
        last_id: id of the last event, with which a cut stream is resumed.
        is_over: whether the last event has come.
    """

    def __init__(self, kind: type[Event]) -> None:
        self._kind = kind
        self.last_id = ""
        self.is_over = False
        self._data: list[str] = []

    def headers(self) -> dict[str, str]:
        """Return the headers of the request for the stream."""
        resume = {HEADER: self.last_id} if self.last_id else {}
        return {"Accept": "text/event-stream", **resume}

    def begin(self, answer: httpx2.Response) -> None:
        """Begin with a stream, and forget an event that the last one cut off in its middle."""
        self._data = []
        self.is_over = answer.status_code == httpx2.codes.NO_CONTENT

    def feed(self, line: str) -> Event | None:
        """Take a line; return the event that it completes, if it completes one."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id":
            self.last_id = value
        elif not line and self._data:
            event = self._kind.model_validate_json("\n".join(self._data))
            self._data = []
            self.is_over = _is_last(event)
            return event
        return None


def _is_last(event: Document) -> bool:
    if isinstance(event, JobEvent):
        return event.job is not None or event.type == "wiped"
    return isinstance(event, BatchEvent) and event.type in ("ended", "wiped")
