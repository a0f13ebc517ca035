"""Reading Server-Sent Events as a client does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support.patience import PATIENCE_SECONDS


@dataclass
class Message:
    """One event as it came.

    Attributes:
        id: empty if it had none.
        name: the event's name.
        data: the JSON document.
    """

    id: str
    name: str
    data: dict[str, Any]


def parse_messages(lines: Iterable[str]) -> Iterator[Message]:
    """Read messages from lines; comments and `retry` are left out."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name in ("id", "event", "data"):
            found[name] = value.strip()
        elif line == "" and "data" in found:
            yield Message(found.get("id", ""), found["event"], json.loads(found["data"]))
            found = {}


def follow(
    url: str, last: str = "", *, at_most: int | None = None, seconds: float = PATIENCE_SECONDS
) -> Iterator[Message]:
    """Open a stream and give its messages until it ends, or until there are so many."""
    headers = {"Last-Event-ID": last} if last else {}
    with httpx2.stream("GET", url, headers=headers, timeout=seconds) as response:
        assert response.status_code in (200, 204), response.read()
        for count, message in enumerate(parse_messages(response.iter_lines()), start=1):
            yield message
            if count == at_most:
                return


@dataclass
class Listener:
    """A client on a thread of its own that follows a job, and comes back when it is cut.

    Attributes:
        messages: what it has seen.
        cuts: how often its stream ended before the job did.
    """

    urls: list[str]
    messages: list[Message] = field(default_factory=list)
    cuts: int = 0
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def has_ended(self) -> bool:
        """Return whether it has seen the event that ends the job."""
        return bool(self.messages) and (
            self.messages[-1].data["job"] is not None or self.messages[-1].name == "wiped"
        )

    def join(self) -> list[Message]:
        """Wait for the end, and give all messages."""
        self.thread.join(PATIENCE_SECONDS)
        assert self.error is None, self.error
        assert self.has_ended, self.messages
        return self.messages

    def _run(self) -> None:
        while not self.has_ended and self.cuts < 100:
            last = next((m.id for m in reversed(self.messages) if m.id), "")
            try:
                self.messages.extend(follow(self.urls[self.cuts % len(self.urls)], last))
            except httpx2.TransportError:
                threading.Event().wait(0.05)
            except Exception as error:
                self.error = error
                return
            self.cuts += not self.has_ended
