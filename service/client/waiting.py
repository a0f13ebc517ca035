"""Waiting for a job's end: the service holds the request, or the job is polled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2

from service.client.answers import ClientJob
from service.client.failures import PaintjobApiError, ServiceUnreachable
from service.client.transport import RETRIED_STATUSES, Transport, retry_after

FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 60.0
HELD_SECONDS = 30
"""Seconds that a request is held: shorter than the timeouts of common proxies."""

OnChange = Callable[[ClientJob], None]


@dataclass
class Waiting:
    """One wait for one job.

    Attributes:
        transport: the connection to the service.
        job_id: the job.
        on_change: called with the job at each change, the last one included.
        give_up_at: end of the wait, by the monotonic clock.
    """

    transport: Transport
    job_id: str
    on_change: OnChange | None
    give_up_at: float
    _etag: str = field(default="", init=False)
    _pause: float = field(default=FIRST_PAUSE_SECONDS, init=False)
    # The first request is not held: it returns the present state.
    _holds: bool = field(default=False, init=False)

    def run(self) -> ClientJob:
        """Wait; return the job in its final state.

        Raises:
            TimeoutError: the job has not ended in time, and continues.
            PaintjobApiError: the service refused.
            ServiceUnreachable: the service did not answer.
        """
        while True:
            answer = self._ask()
            job = self._read(answer)
            if job is not None and job.is_finished:
                return job
            self._rest(answer)

    def _read(self, answer: httpx2.Response) -> ClientJob | None:
        """Return the job, and report it, unless the response is 304."""
        if answer.status_code == httpx2.codes.NOT_MODIFIED:
            return None
        job = ClientJob.model_validate(answer.json())
        self._etag = answer.headers.get("ETag", "")
        if self.on_change is not None:
            self.on_change(job)
        return job

    def _ask(self) -> httpx2.Response:
        """Request the job: held if possible, else by a plain request with the usual retries."""
        held = int(min(HELD_SECONDS, self._left()))
        path, condition = f"/jobs/{self.job_id}", self._condition()
        if self._holds and held >= 1:
            # With a condition the response comes at the next change, else at the end.
            asking = {**(condition if self.on_change else {}), "Prefer": f"wait={held}"}
            try:
                return self.transport.send(
                    "GET", path, headers=asking, held_seconds=held, patience_seconds=0
                )
            except ServiceUnreachable:
                pass
            except PaintjobApiError as error:
                # All wait slots may be in use: then poll.
                if error.status not in RETRIED_STATUSES:
                    raise
        patience = min(self.transport.patience_seconds, max(0.0, self._left()))
        return self.transport.send("GET", path, headers=condition, patience_seconds=patience)

    def _condition(self) -> dict[str, str]:
        return {"If-None-Match": self._etag} if self._etag else {}

    def _rest(self, answer: httpx2.Response) -> None:
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
            raise TimeoutError(f"{self.job_id} has not ended in time; it continues")
        time.sleep(pause)

    def _left(self) -> float:
        return self.give_up_at - time.monotonic()
