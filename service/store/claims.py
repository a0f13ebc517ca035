"""Claims of workers on jobs: take, renew, report, finish, release."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.contract.jobs import (
    KNOWN_SCHEMAS,
    JobFailure,
    JobWarning,
    MaskAsked,
    MaskEffective,
    Output,
    Progress,
    Recipe,
    Timings,
)
from service.store.runner import Command, ScriptCall, StorePart, milliseconds
from service.store.verdicts import ERRORS

CLAIM_KEPT_SECONDS = 3600

RenewVerdict = Literal["ok", "cancel", "late", "stale"]
FinishVerdict = Literal["succeeded", "failed", "canceled", "stale"]
ReleaseVerdict = Literal["queued", "failed", "canceled", "stale"]
Outcome = Literal["drained", "crashed", "hung"]


@dataclass(frozen=True)
class ClaimedSpec:
    """A job that a claim holds now.

    Attributes:
        spec: as JSON, still to be read.
        attempt: how many claims it has had, this one included.
        waited_seconds: since it was accepted.
        trace: context of the request's trace; empty without one.
    """

    job_id: str
    spec: str
    attempt: int = 1
    waited_seconds: float = 0.0
    trace: str = ""


@dataclass(frozen=True)
class Report:
    """Something about a claimed job that is to be written while it is worked on.

    Attributes:
        number: counts a claim's reports, so that a repeated one is recognized.
        kind: of the event.
        fields: of the record.
        data: of the event.
        painting: whether the painting has begun: from now on a death counts as a crash.
    """

    number: int
    kind: str
    fields: Mapping[str, str]
    data: str = ""
    painting: bool = False


def make_started(number: int) -> Report:
    """Return the report that the painting has begun."""
    return Report(number, "painting", {}, painting=True)


def make_progress(number: int, progress: Progress) -> Report:
    """Return the report of a progress."""
    document = progress.model_dump_json()
    return Report(number, "progress", {"progress": document}, document)


def make_mask(
    number: int, mask: MaskEffective, path: str, asked: MaskAsked | None = None
) -> Report:
    """Return the report of the effective mask and where its picture lies.

    Args:
        number: as in `Report`.
        mask: the effective mask.
        path: of its picture.
        asked: the mask before `grow`, where finders found it; else the record has it already.
    """
    document = mask.model_dump_json()
    fields = {"mask_effective": document, "mask_path": path}
    fields |= {"mask_asked": asked.model_dump_json()} if asked else {}
    return Report(number, "mask", fields, document)


class ClaimCalls(StorePart):
    """The claims of workers on jobs, as calls that `make_all` makes in one round trip.

    They are all that a worker needs.
    """

    def make_all(
        self, calls: Sequence[ScriptCall[Any]], commands: Sequence[Command] = ()
    ) -> tuple[list[Any], list[Any]]:
        """See `ScriptRunner.make_all`."""
        return self._scripts.make_all(calls, commands)

    def call_take(
        self,
        queue: str,
        *,
        worker: str,
        claim_id: str,
        max_jobs: int = 1,
        warm_model: str = "",
        beside: Sequence[tuple[str, str]] = (),
        schemas: Sequence[int] = KNOWN_SCHEMAS,
    ) -> ScriptCall[list[ClaimedSpec]]:
        """Take the next jobs of a queue; the same ones again for the same `claim_id`.

        Args:
            queue: the queue.
            worker: the worker's name.
            claim_id: drawn by the worker; it becomes the token of every job taken.
            max_jobs: how many jobs with the same call key may be taken together.
            warm_model: the model that is loaded, preferred while no tenant waits long.
            beside: (job id, token) of jobs that are still in work. If the process that works dies,
                nobody knows of which job, so none of them is blamed; nothing is taken beside
                a job that must be alone, nor such a job beside others.
            schemas: schema numbers that the worker can read.
        """
        arguments = {
            "queue": queue,
            "worker": worker,
            "claim_id": claim_id,
            "max_jobs": max_jobs,
            "warm_model": warm_model,
            "beside": [list(claim) for claim in beside],
            "schemas": list(schemas),
            "lease_ms": milliseconds(self._scripts.lease_seconds),
            "claim_kept_ms": milliseconds(CLAIM_KEPT_SECONDS),
            "errors": ERRORS,
        }
        return ScriptCall("claim", arguments, _read_claimed)

    def renew(self, claims: Sequence[tuple[str, str]]) -> list[RenewVerdict]:
        """Extend the leases of claims, given as (job id, token); return a verdict for each.

        `cancel` was asked for, `late` is past its deadline, `stale` is no longer this worker's.
        """
        verdicts = self._scripts.run(
            "renew",
            claims=[list(claim) for claim in claims],
            lease_ms=milliseconds(self._scripts.lease_seconds),
        )
        return [verdict.decode() for verdict in verdicts]

    def call_report(self, job_id: str, token: str, reports: Sequence[Report]) -> ScriptCall[None]:
        """Write what happened to a claimed job, in order; it decides nothing."""
        listed = [vars(report) for report in reports]
        arguments = {"job_id": job_id, "token": token, "reports": listed}
        return ScriptCall("report", arguments, lambda _: None)

    def call_succeeded(
        self,
        job_id: str,
        token: str,
        *,
        outputs: Sequence[Output],
        recipe: Recipe,
        timings: Timings,
        warnings: Sequence[JobWarning] = (),
    ) -> ScriptCall[FinishVerdict]:
        """Commit a result; answered as `finish_succeeded`."""
        fields = {
            "outputs": json.dumps([output.model_dump() for output in outputs]),
            "recipe": recipe.model_dump_json(),
            "timings": timings.model_dump_json(),
        }
        if warnings:
            fields["warnings"] = json.dumps([warning.model_dump() for warning in warnings])
        written = sum(output.stored_bytes for output in outputs)
        return self._call_finish(job_id, token, "succeeded", fields, written)

    def call_failed(
        self, job_id: str, token: str, failure: JobFailure
    ) -> ScriptCall[FinishVerdict]:
        """Commit a failure; answered as `finish_succeeded`."""
        return self._call_finish(job_id, token, "failed", {"error": failure.model_dump_json()})

    def call_release(self, job_id: str, token: str, outcome: Outcome) -> ScriptCall[ReleaseVerdict]:
        """Release a job; answered as `release`."""
        arguments = {
            "job_id": job_id,
            "token": token,
            "outcome": outcome,
            "again_ms": self._scripts.again_ms,
            "errors": ERRORS,
        }
        return ScriptCall("release", arguments, _read_word)

    def _call_finish(
        self, job_id: str, token: str, status: str, fields: Mapping[str, str], written: int = 0
    ) -> ScriptCall[FinishVerdict]:
        arguments = {
            "job_id": job_id,
            "token": token,
            "status": status,
            "fields": dict(fields),
            "bytes": written,
            "errors": ERRORS,
        }
        return ScriptCall("finish", arguments, _read_word)


class Claims(ClaimCalls):
    """The same, one call at a time."""

    def take(self, queue: str, *, worker: str, claim_id: str, **asked: Any) -> list[ClaimedSpec]:
        """Take the next jobs of a queue; see `call_take`."""
        return self._scripts.make(self.call_take(queue, worker=worker, claim_id=claim_id, **asked))

    def report_started(self, job_id: str, token: str, number: int) -> None:
        """Write that the painting has begun; from now on a death counts as a crash."""
        self._scripts.make(self.call_report(job_id, token, [make_started(number)]))

    def report_progress(self, job_id: str, token: str, number: int, progress: Progress) -> None:
        """Write the progress of the painting."""
        self._scripts.make(self.call_report(job_id, token, [make_progress(number, progress)]))

    def report_mask(
        self,
        job_id: str,
        token: str,
        number: int,
        mask: MaskEffective,
        path: str,
        asked: MaskAsked | None = None,
    ) -> None:
        """Write the effective mask and where its picture lies; see `make_mask`."""
        self._scripts.make(self.call_report(job_id, token, [make_mask(number, mask, path, asked)]))

    def finish_succeeded(
        self,
        job_id: str,
        token: str,
        *,
        outputs: Sequence[Output],
        recipe: Recipe,
        timings: Timings,
        warnings: Sequence[JobWarning] = (),
    ) -> FinishVerdict:
        """Commit a result; return the job's status, or `stale` if the claim no longer holds it."""
        return self._scripts.make(
            self.call_succeeded(
                job_id, token, outputs=outputs, recipe=recipe, timings=timings, warnings=warnings
            )
        )

    def finish_failed(self, job_id: str, token: str, failure: JobFailure) -> FinishVerdict:
        """Commit a failure; return as `finish_succeeded`."""
        return self._scripts.make(self.call_failed(job_id, token, failure))

    def release(self, job_id: str, token: str, outcome: Outcome) -> ReleaseVerdict:
        """Release a job that cannot be finished here; return its new status."""
        return self._scripts.make(self.call_release(job_id, token, outcome))


def _read_claimed(answer: Sequence[tuple[bytes, bytes, int, int, bytes]]) -> list[ClaimedSpec]:
    return [
        ClaimedSpec(job_id.decode(), spec.decode(), attempt, waited_ms / 1000, trace.decode())
        for job_id, spec, attempt, waited_ms, trace in answer
    ]


def _read_word(answer: bytes) -> Any:
    return answer.decode()
