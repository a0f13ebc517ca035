"""Claims of workers on jobs: take, renew, report, finish, release."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from service.contract.jobs import (
    KNOWN_SCHEMAS,
    JobFailure,
    JobWarning,
    MaskEffective,
    Output,
    Progress,
    Recipe,
    Timings,
)
from service.store.runner import StorePart, milliseconds
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


class Claims(StorePart):
    """The claims of workers on jobs."""

    def take(
        self,
        queue: str,
        *,
        worker: str,
        claim_id: str,
        max_jobs: int = 1,
        warm_model: str = "",
        schemas: Sequence[int] = KNOWN_SCHEMAS,
    ) -> list[ClaimedSpec]:
        """Take the next jobs of a queue; the same ones again for the same `claim_id`.

        Args:
            queue: the queue.
            worker: the worker's name.
            claim_id: drawn by the worker; it becomes the token of every job taken.
            max_jobs: how many jobs with the same call key may be taken together.
            warm_model: the model that is loaded, preferred while no tenant waits long.
            schemas: schema numbers that the worker can read.
        """
        claimed = self._scripts.run(
            "claim",
            queue=queue,
            worker=worker,
            claim_id=claim_id,
            max_jobs=max_jobs,
            warm_model=warm_model,
            schemas=list(schemas),
            lease_ms=milliseconds(self._scripts.lease_seconds),
            claim_kept_ms=milliseconds(CLAIM_KEPT_SECONDS),
            errors=ERRORS,
        )
        return [
            ClaimedSpec(job_id.decode(), spec.decode(), attempt, waited_ms / 1000, trace.decode())
            for job_id, spec, attempt, waited_ms, trace in claimed
        ]

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

    def report_started(self, job_id: str, token: str, number: int) -> None:
        """Write that the painting has begun; from now on a death counts as a crash."""
        self._report(job_id, token, number, "painting", {}, painting=True)

    def report_progress(self, job_id: str, token: str, number: int, progress: Progress) -> None:
        """Write the progress of the painting."""
        document = progress.model_dump_json()
        self._report(job_id, token, number, "progress", {"progress": document}, data=document)

    def report_mask(
        self, job_id: str, token: str, number: int, mask: MaskEffective, path: str
    ) -> None:
        """Write the effective mask and where its picture lies."""
        document = mask.model_dump_json()
        fields = {"mask_effective": document, "mask_path": path}
        self._report(job_id, token, number, "mask", fields, data=document)

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
        fields = {
            "outputs": json.dumps([output.model_dump() for output in outputs]),
            "recipe": recipe.model_dump_json(),
            "timings": timings.model_dump_json(),
        }
        if warnings:
            fields["warnings"] = json.dumps([warning.model_dump() for warning in warnings])
        written = sum(output.stored_bytes for output in outputs)
        return self._finish(job_id, token, "succeeded", fields, written)

    def finish_failed(self, job_id: str, token: str, failure: JobFailure) -> FinishVerdict:
        """Commit a failure; return as `finish_succeeded`."""
        return self._finish(job_id, token, "failed", {"error": failure.model_dump_json()})

    def release(self, job_id: str, token: str, outcome: Outcome) -> ReleaseVerdict:
        """Release a job that cannot be finished here; return its new status."""
        verdict: ReleaseVerdict = self._scripts.run(
            "release",
            job_id=job_id,
            token=token,
            outcome=outcome,
            again_ms=self._scripts.again_ms,
            errors=ERRORS,
        ).decode()
        return verdict

    def _finish(
        self, job_id: str, token: str, status: str, fields: Mapping[str, str], written: int = 0
    ) -> FinishVerdict:
        verdict: FinishVerdict = self._scripts.run(
            "finish",
            job_id=job_id,
            token=token,
            status=status,
            fields=dict(fields),
            bytes=written,
            errors=ERRORS,
        ).decode()
        return verdict

    def _report(
        self,
        job_id: str,
        token: str,
        number: int,
        kind: str,
        fields: Mapping[str, str],
        *,
        data: str = "",
        painting: bool = False,
    ) -> None:
        self._scripts.run(
            "report",
            job_id=job_id,
            token=token,
            number=number,
            kind=kind,
            data=data,
            painting=painting,
            fields=dict(fields),
        )
