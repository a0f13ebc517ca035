"""Claims the next jobs of a queue, together with other writes, and clears the wake-ups for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from pydantic import ValidationError
from rq import Queue
from rq.job import Job

from service.contract.errors import BrokerUnavailable, Internal
from service.contract.jobs import JobSpec
from service.contract.names import new_token
from service.store import ClaimCalls, ClaimedSpec, ScriptCall, failure_of
from service.store.runner import Command
from worker.harness import Harness
from worker.reporting import ClaimedJob

Claim = tuple[str, str]
"""Job id and token."""

RETRY_SECONDS = 0.05

log = structlog.get_logger()


class ClaimSource:
    """Claims jobs for one worker.

    A claim whose answer was lost is repeated under its own token until it is answered: the jobs
    that it took are this worker's, and nobody would paint them before their leases expire.

    Args:
        claims: of the store.
        harness: the model that its horse used last is preferred.
        queue: of the worker.
        worker: its name.
        max_jobs: how many jobs one claim may take.
    """

    def __init__(
        self, claims: ClaimCalls, harness: Harness, queue: Queue, worker: str, max_jobs: int
    ) -> None:
        self._claims = claims
        self._harness = harness
        self._queue = queue
        self._worker = worker
        self._max_jobs = max_jobs
        self._token = ""
        self._cleared: list[Command] = []
        self._is_owed = False

    @property
    def is_unsure(self) -> bool:
        """True while a claim was not answered."""
        return bool(self._token)

    @property
    def is_owed(self) -> bool:
        """True if jobs may wait for a claim that no wake-up will cause."""
        return self._is_owed or self.is_unsure

    def clear(self, wakeup: Job) -> None:
        """Have a wake-up that RQ handed out deleted with the next claim."""
        self._cleared.append(("LREM", self._queue.intermediate_queue_key, 1, wakeup.id))
        self._cleared.append(("DEL", wakeup.key))

    def claim_first(
        self, patience_seconds: float, is_stopping: Callable[[], bool]
    ) -> list[ClaimedJob]:
        """Claim while nothing else is in work; while Redis is silent, repeat the claim."""
        self._is_owed = False
        give_up_at = time.monotonic() + patience_seconds
        while time.monotonic() < give_up_at and not is_stopping():
            try:
                return self.claim([], [], takes_wakeup=False)[1]
            except BrokerUnavailable:
                time.sleep(RETRY_SECONDS)
        self._token = ""
        return []

    def claim(
        self,
        beside: Sequence[Claim],
        writes: Sequence[ScriptCall[Any]],
        *,
        takes_wakeup: bool = True,
    ) -> tuple[list[Any], list[ClaimedJob]]:
        """Make writes and then claim, in one round trip.

        Args:
            beside: claims that the horse still works for.
            writes: to be made first.
            takes_wakeup: whether to take a wake-up off the list, as RQ did for the first claim.

        Returns:
            The answers to the writes, and the claimed jobs.

        Raises:
            BrokerUnavailable: there was no answer; make the same writes with the next claim.
        """
        self._token = self._token or new_token()
        claim = self._claims.call_take(
            self._queue.name,
            worker=self._worker,
            claim_id=self._token,
            max_jobs=self._max_jobs,
            warm_model=next(reversed(self._harness.models), ""),
            beside=beside,
        )
        pops: list[Command] = [("LPOP", self._queue.key)] if takes_wakeup else []
        answers, others = self._claims.make_all([*writes, claim], [*pops, *self._cleared])
        token, self._token, self._cleared = self._token, "", []
        if takes_wakeup and isinstance(others[0], bytes):
            self._cleared.append(("DEL", Job.key_for(others[0].decode())))
            # It may be for a job that could not be taken beside others.
            self._is_owed = self._is_owed or (not answers[-1] and bool(beside))
        return answers[:-1], self._parse(answers[-1], token)

    def _parse(self, claimed: Sequence[ClaimedSpec], token: str) -> list[ClaimedJob]:
        """Read the specs; a job whose spec cannot be read fails, and the others go on."""
        jobs = []
        for job in claimed:
            try:
                spec = JobSpec.read(job.spec)
                jobs.append(ClaimedJob(spec, token, job.attempt, job.waited_seconds, job.trace))
            except ValidationError:
                log.exception("spec_unreadable", job_id=job.job_id)
                failure = failure_of(Internal("the job could not be read"))
                self._claims.make_all([self._claims.call_failed(job.job_id, token, failure)])
        return jobs
