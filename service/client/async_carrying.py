"""Carrying out the calls of the asynchronous client: connecting, sending, sleeping, streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Self, TypeVar

import anyio
import anyio.to_thread
import httpx2

from .calls import Calls, Pages
from .connection import build_arguments, build_request
from .events import RECONNECT_SECONDS, Event, EventReader
from .steps import Flow, Outcome, Patience, Pause, Send, Step

T = TypeVar("T")


class AsyncCarrier:
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
        self._http = httpx2.AsyncClient(**build_arguments(url, api_key))

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _run(self, flow: Flow[T]) -> T:
        """Carry out a call; return its result."""
        outcome: Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            outcome = await self._take(step)

    async def _take(self, step: Step) -> Outcome:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
            return None
        try:
            return await self._send(step)
        except httpx2.TransportError as error:
            return error

    async def _send(self, step: Send) -> httpx2.Response:
        request = build_request(self._http, step, self._patience.reach_seconds)
        answer = await self._http.send(request, stream=True)
        if not (step.stream and answer.is_success):
            await answer.aread()
        return answer

    async def _iterate(self, pages: Pages[T]) -> AsyncIterator[T]:
        while pages.has_more:
            for item in await self._run(pages.read()):
                yield item

    async def _follow(self, path: str, reader: EventReader[Event]) -> AsyncIterator[Event]:
        """Yield events to the last; a stream that was cut is resumed."""
        while True:
            answer = await self._run(self._calls.open_events(path, reader))
            reader.begin(answer)
            async for event in self._read_events(answer, reader):
                yield event
            if reader.is_over:
                return
            await self._take(Pause(RECONNECT_SECONDS))

    async def _read_events(
        self, answer: httpx2.Response, reader: EventReader[Event]
    ) -> AsyncIterator[Event]:
        """Yield the events of one connection; return when it ends."""
        async with aclosing(answer):
            with suppress(httpx2.TransportError):
                async for line in answer.aiter_lines():
                    event = reader.feed(line)
                    if event is not None:
                        yield event
