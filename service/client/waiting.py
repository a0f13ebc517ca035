"""Waiting for the end of a job or a batch: the service holds the request, or it is polled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import httpx2

from .answers import Ending
from .failures import PaintjobApiError, ServiceUnreachable
from .steps import RETRIED_STATUSES, Flow, Patience, Pause, retry_after, send

FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 60.0
HELD_SECONDS = 30
"""Seconds that a request is held: shorter than the timeouts of common proxies."""

Awaited = TypeVar("Awaited", bound=Ending)


@dataclass
class Waiting(Generic[Awaited]):
    """One wait for one job or batch.

    Attributes:
        patience: how long requests are retried.
        path: path of the job or batch.
        kind: class of its document.
        on_change: called with the document at each change, the last one included.
        give_up_at: end of the wait, by the monotonic clock.
    """

    patience: Patience
    path: str
    kind: type[Awaited]
    on_change: Callable[[Awaited], object] | None
    give_up_at: float
    _etag: str = field(default="", init=False)
    _pause: float = field(default=FIRST_PAUSE_SECONDS, init=False)
    # The first request is not held: it returns the present state.
    _holds: bool = field(default=False, init=False)

    def run(self) -> Flow[Awaited]:
        """Wait; return the document in its final state.

        Raises:
            TimeoutError: it has not ended in time, and continues.
            PaintjobApiError: the service refused.
            ServiceUnreachable: the service did not answer.
        """
        while True:
            answer = yield from self._ask()
            found = self._read(answer)
            if found is not None and found.is_finished:
                return found
            yield from self._rest(answer)

    def _read(self, answer: httpx2.Response) -> Awaited | None:
        """Return the document, and report it, unless the response is 304."""
        if answer.status_code == httpx2.codes.NOT_MODIFIED:
            return None
        found = self.kind.model_validate_json(answer.content)
        self._etag = answer.headers.get("ETag", "")
        if self.on_change is not None:
            self.on_change(found)
        return found

    def _ask(self) -> Flow[httpx2.Response]:
        """Request it: held if possible, else by a plain request with the usual retries."""
        held = int(min(HELD_SECONDS, self._left()))
        condition = self._condition()
        if self._holds and held >= 1:
            # With a condition the response comes at the next change, else at the end.
            asking = {**(condition if self.on_change else {}), "Prefer": f"wait={held}"}
            try:
                return (
                    yield from send(
                        self.patience,
                        "GET",
                        self.path,
                        headers=asking,
                        held_seconds=held,
                        patience_seconds=0,
                    )
                )
            except ServiceUnreachable:
                pass
            except PaintjobApiError as error:
                # All wait slots may be in use: then poll.
                if error.status not in RETRIED_STATUSES:
                    raise
        seconds = max(0.0, self._left())
        return (
            yield from send(
                self.patience, "GET", self.path, headers=condition, patience_seconds=seconds
            )
        )

    def _condition(self) -> dict[str, str]:
        return {"If-None-Match": self._etag} if self._etag else {}

    def _rest(self, answer: httpx2.Response) -> Flow[None]:
        """Pause before the next request, unless this one was held.

        The first pauses are short, whatever `Retry-After` says, because many jobs are short.
        """
        was_held = "wait" in answer.headers.get("Preference-Applied", "")
        pause = 0.0
        if self._holds and not was_held:
            asked = retry_after(answer)
            pause = min(1.0 if asked is None else asked, self._pause, MAX_PAUSE_SECONDS)
            self._pause *= 2
        self._holds = True
        if self._left() <= pause:
            subject = self.path.rpartition("/")[2]
            raise TimeoutError(f"{subject} has not ended in time; it continues")
        if pause:
            yield Pause(pause)

    def _left(self) -> float:
        return self.give_up_at - time.monotonic()
