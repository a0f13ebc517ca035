"""Carrying out the calls of the synchronous client: connecting, sending, sleeping, streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from .calls import Calls, Pages
from .connection import build_arguments, build_request
from .events import RECONNECT_SECONDS, Event, EventReader
from .steps import Flow, Outcome, Patience, Pause, Send, Step

T = TypeVar("T")


class Carrier:
    """Carries out flows of steps; the client adds the calls."""

    def __init__(
        self,
        url: str,
        timeout_seconds: float = 60.0,
        *,
        api_key: str | None = None,
        patience_seconds: float = 60.0,
        reach_seconds: float = 10.0,
        redirects: bool = False,
    ) -> None:
        self._patience = Patience(timeout_seconds, patience_seconds, reach_seconds)
        self._calls = Calls(self._patience, redirects)
        self._http = httpx2.Client(**build_arguments(url, api_key))

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _run(self, flow: Flow[T]) -> T:
        """Carry out a call; return its result."""
        outcome: Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = self._take(step)

    def _take(self, step: Step) -> Outcome:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return self._send(step)
        except httpx2.TransportError as error:
            return error

    def _send(self, step: Send) -> httpx2.Response:
        request = build_request(self._http, step, self._patience.reach_seconds)
        answer = self._http.send(request, stream=True)
        if not (step.stream and answer.is_success):
            answer.read()
        return answer

    def _iterate(self, pages: Pages[T]) -> Iterator[T]:
        while pages.has_more:
            yield from self._run(pages.read())

    def _follow(self, path: str, reader: EventReader[Event]) -> Iterator[Event]:
        """Yield events to the last; a stream that was cut is resumed."""
        while True:
            answer = self._run(self._calls.open_events(path, reader))
            reader.begin(answer)
            yield from self._read_events(answer, reader)
            if reader.is_over:
                return
            self._take(Pause(RECONNECT_SECONDS))

    def _read_events(self, answer: httpx2.Response, reader: EventReader[Event]) -> Iterator[Event]:
        """Yield the events of one connection; return when it ends."""
        with closing(answer), suppress(httpx2.TransportError):
            for line in answer.iter_lines():
                event = reader.feed(line)
                if event is not None:
                    yield event
