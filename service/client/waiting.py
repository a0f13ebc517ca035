"""Waits for a job's end: the service holds the question open, or is asked again and again."""

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
"""How long a question is held open: shorter than the patience of the proxies that one meets."""

OnChange = Callable[[ClientJob], None]


@dataclass
class Waiting:
    """One wait for one job.

    Attributes:
        transport: how to ask.
        job_id: the job.
        on_change: called with the job whenever it changed, the end included.
        give_up_at: by the monotonic clock.
    """

    transport: Transport
    job_id: str
    on_change: OnChange | None
    give_up_at: float
    _etag: str = field(default="", init=False)
    _pause: float = field(default=FIRST_PAUSE_SECONDS, init=False)
    # The first question is answered at once: its answer shows where the job stands.
    _holds: bool = field(default=False, init=False)

    def run(self) -> ClientJob:
        """Wait; gives the job as it ended.

        Raises:
            TimeoutError: it has not ended in time; the job goes on.
            PaintjobApiError: the service refused.
            ServiceUnreachable: it did not answer.
        """
        while True:
            answer = self._ask()
            job = self._read(answer)
            if job is not None and job.is_finished:
                return job
            self._rest(answer)

    def _read(self, answer: httpx2.Response) -> ClientJob | None:
        """Give the job, and tell of it, if the answer has it."""
        if answer.status_code == httpx2.codes.NOT_MODIFIED:
            return None
        job = ClientJob.model_validate(answer.json())
        self._etag = answer.headers.get("ETag", "")
        if self.on_change is not None:
            self.on_change(job)
        return job

    def _ask(self) -> httpx2.Response:
        """Ask in a way that is held open, else in the plain one, which is repeated as usual."""
        held = int(min(HELD_SECONDS, self._left()))
        path, condition = f"/jobs/{self.job_id}", self._condition()
        if self._holds and held >= 1:
            # With a condition the answer comes at the next change, else at the end.
            asking = {**(condition if self.on_change else {}), "Prefer": f"wait={held}"}
            try:
                return self.transport.send(
                    "GET", path, headers=asking, held_seconds=held, patience_seconds=0
                )
            except ServiceUnreachable:
                pass
            except PaintjobApiError as error:
                # All places to wait in may be taken: that is no reason to stop looking.
                if error.status not in RETRIED_STATUSES:
                    raise
        patience = min(self.transport.patience_seconds, max(0.0, self._left()))
        return self.transport.send("GET", path, headers=condition, patience_seconds=patience)

    def _condition(self) -> dict[str, str]:
        return {"If-None-Match": self._etag} if self._etag else {}

    def _rest(self, answer: httpx2.Response) -> None:
        """Pause before the next question, unless this one was held open.

        Many jobs are short: the first pauses are, whatever the service says.
        """
        was_held = "wait" in answer.headers.get("Preference-Applied", "")
        pause = 0.0
        if self._holds and not was_held:
            asked = retry_after(answer)
            pause = min(1.0 if asked is None else asked, self._pause, MAX_PAUSE_SECONDS)
            self._pause *= 2
        self._holds = True
        if self._left() <= pause:
            raise TimeoutError(f"{self.job_id} has not ended in the time it was waited for")
        time.sleep(pause)

    def _left(self) -> float:
        return self.give_up_at - time.monotonic()
