"""What every script must answer, as a model of its own: jobs as plain objects, no index, no Redis.

`Interleaver` sends a call to the real store and to the model and compares the answers. A call is a
name and arguments that stay the same for ever, so any past call can be sent again at any later
time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from service.contract.jobs import JobSpec
from service.contract.keys import StoredLimits
from service.contract.names import CPU_QUEUE
from service.store import Idempotency, InputBytes, JobStore, Outcome, Stored
from tests.support.model_job import ModelJob
from tests.support.records import (
    FAILURE,
    LIMITS,
    MASK,
    PROGRESS,
    Clock,
    make_upload,
    outcome,
    succeed,
)
from tests.support.snapshots import TERMINAL, Snapshot

SHARED_BYTES = make_upload().bytes


@dataclass
class Interleaver:
    """The real store and its model, side by side.

    Attributes:
        jobs: every job that an upload began for.
        past: every call made, as name and arguments, to be sent again.
        taken: entries of the wipe list that the courier has in hand.
        uploads: every uploaded picture, by id: its tenant, and whether it is still kept.
    """

    store: JobStore
    clock: Clock
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    claims: dict[str, list[str]] = field(default_factory=dict)
    past: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    uploads: dict[str, tuple[str, bool]] = field(default_factory=dict)
    accepted: int = 0

    def call(self, name: str, **arguments: Any) -> Any:
        """Make a call for the first time."""
        self.past.append((name, arguments))
        return self.repeat(len(self.past) - 1)

    def repeat(self, index: int) -> Any:
        """Make a past call once more, with the arguments it had."""
        name, arguments = self.past[index]
        return getattr(self, f"_{name}")(**arguments)

    @property
    def held_claims(self) -> list[tuple[str, str]]:
        """Every (job id, token) there ever was."""
        return [(job_id, token) for token, ids in self.claims.items() for job_id in ids]

    # The API --------------------------------------------------------------------------------------

    def _keep(self, upload_id: str, tenant: str) -> None:
        if upload_id not in self.uploads:
            self.uploads[upload_id] = tenant, True
            self.store.jobs.begin_upload(upload_id)
        upload = make_upload(upload_id, tenant)
        got = outcome(lambda: self.store.uploads.keep(upload, StoredLimits()))
        assert (got == "store_unavailable") == (not self.uploads[upload_id][1])

    def _drop(self, upload_id: str) -> None:
        tenant, _ = self.uploads[upload_id]
        self.store.uploads.drop(upload_id, tenant)
        self.uploads[upload_id] = tenant, False

    def _upload(self, spec: JobSpec, key: Idempotency | None, share: str = "") -> None:
        job = self.jobs.setdefault(spec.job_id, ModelJob(spec, key, share, has_blobs=True))
        # The API begins an upload once, so a repeat can only come while nothing has followed it.
        if job.order == 0 and job.has_blobs and not self._is_given_up(job):
            self.store.jobs.begin_upload(spec.job_id)
            job.has_upload = True

    def _is_given_up(self, job: ModelJob) -> bool:
        return f"{job.spec.job_id}#now" in self.taken

    def _submit(self, job_id: str) -> None:
        job = self.jobs[job_id]
        got = outcome(
            lambda: self.store.jobs.submit(
                job.spec,
                start_within_seconds=1000,
                finish_within_seconds=2000,
                ttl_seconds=3000,
                limits=LIMITS,
                idempotency=job.key,
                inputs=InputBytes(1, {job.share: SHARED_BYTES} if job.share else {}),
            )
        )
        expected = self._expect_submit(job)
        assert (got if isinstance(got, str) else (got.job_id, got.replayed)) == expected

    def _expect_submit(self, job: ModelJob) -> str | tuple[str, bool]:
        job_id = job.spec.job_id
        if job.status:
            return job_id, False
        slot = (job.spec.tenant, job.key.key) if job.key else None
        if slot in self.keys and job.key:
            owner, fingerprint = self.keys[slot]
            if fingerprint != job.key.fingerprint:
                return "idempotency_conflict"
            return (owner, True) if self.jobs[owner].status else "job_expired"
        if not job.has_upload:
            return "store_unavailable"
        self.accepted += 1
        job.status, job.order, job.has_upload = "queued", self.accepted, False
        if slot and job.key:
            self.keys[slot] = (job_id, job.key.fingerprint)
        return job_id, False

    def _abandon(self, job_id: str) -> None:
        self.store.jobs.abandon_upload(job_id)

    def _cancel(self, job_id: str, tenant: str) -> None:
        job = self.jobs[job_id]
        got = outcome(lambda: self.store.jobs.cancel(job_id, tenant).record.status.value)
        if job.status in ("succeeded", "failed") and tenant == job.spec.tenant:
            expected = "already_finished"
        else:
            expected = self._expect_seen(job, tenant)
            if expected == "queued":
                expected = job.status = "canceled"
            if expected == "running":
                job.promised = True
        assert got == expected

    def _expect_seen(self, job: ModelJob, tenant: str) -> str:
        if tenant != job.spec.tenant or not (job.status or job.deleted_by):
            return "not_found"
        return job.status or "job_expired"

    def _view(self, job_id: str, tenant: str) -> None:
        got = outcome(lambda: self.store.jobs.load(job_id, tenant).record.status.value)
        assert got == self._expect_seen(self.jobs[job_id], tenant)

    def _delete(self, job_id: str, tenant: str, delete_id: str) -> None:
        job = self.jobs[job_id]
        got = outcome(lambda: self.store.jobs.delete(job_id, tenant, delete_id=delete_id))
        seen = self._expect_seen(job, tenant)
        if seen in ("not_found", "job_expired"):
            assert got == (None if job.deleted_by == delete_id else seen)
            return
        assert got is None
        job.wipe(delete_id)
        self.keys = {slot: held for slot, held in self.keys.items() if held[0] != job_id}

    # Workers --------------------------------------------------------------------------------------

    def _claim(self, claim_id: str, max_jobs: int, warm_model: str) -> None:
        taken = self.store.claims.take(
            CPU_QUEUE,
            worker=f"worker-{claim_id}",
            claim_id=claim_id,
            max_jobs=max_jobs,
            warm_model=warm_model,
        )
        ids = [job.job_id for job in taken]
        if self.claims.get(claim_id):
            held = [id_ for id_ in self.claims[claim_id] if self.jobs[id_].holds(claim_id)]
            assert ids == held
            return
        self._check_choice(ids, max_jobs)
        self._note_claim(claim_id, ids)

    def _check_choice(self, ids: list[str], max_jobs: int) -> None:
        waiting = [job for job in self.jobs.values() if job.status == "queued" and not job.is_late]
        assert bool(ids) == bool(waiting), "a claim is empty only if nothing can be claimed"
        assert len(ids) == len(set(ids)) <= max_jobs
        for job in (self.jobs[job_id] for job_id in ids):
            assert job in waiting
            older = [
                other.spec.job_id
                for other in waiting
                if other.order < job.order
                and other.spec.tenant == job.spec.tenant
                and other.spec.priority == job.spec.priority
            ]
            assert set(older) <= set(ids), "within tenant and priority the oldest goes first"
        if len(ids) > 1:
            assert len({self.jobs[job_id].spec.call_key for job_id in ids} - {""}) == 1
            assert not any(self.jobs[job_id].solo for job_id in ids)

    def _note_claim(self, claim_id: str, ids: list[str]) -> None:
        if ids:
            self.claims[claim_id] = ids
        for job in (self.jobs[job_id] for job_id in ids):
            job.status, job.token, job.batch = "running", claim_id, len(ids)
            job.attempt += 1
            job.painting, job.report, job.lease_over = False, 0, False
        self._note_late()

    def _note_late(self) -> None:
        """A claim ends the late jobs that it meets; which ones, the store tells."""
        for job_id, job in self.jobs.items():
            if job.status == "queued" and job.is_late:
                job.status = self.store.jobs.load(job_id, job.spec.tenant).record.status.value
                assert job.status in ("queued", "failed")

    def _renew(self, claims: list[tuple[str, str]]) -> None:
        got = self.store.claims.renew(claims)
        assert got == [self._expect_renew(self.jobs[job_id], token) for job_id, token in claims]

    def _expect_renew(self, job: ModelJob, token: str) -> str:
        if not job.holds(token):
            return "stale"
        job.lease_over = False
        if job.promised:
            return "cancel"
        return "late" if job.late else "ok"

    def _started(self, job_id: str, token: str, number: int) -> None:
        self.store.claims.report_started(job_id, token, number)
        if self._takes_report(job_id, token, number):
            self.jobs[job_id].painting = True

    def _progress(self, job_id: str, token: str, number: int) -> None:
        self.store.claims.report_progress(job_id, token, number, PROGRESS)
        self._takes_report(job_id, token, number)

    def _mask(self, job_id: str, token: str, number: int) -> None:
        self.store.claims.report_mask(
            job_id, token, number, MASK, f"jobs/{job_id}/{token}/mask.png"
        )
        self._takes_report(job_id, token, number)

    def _takes_report(self, job_id: str, token: str, number: int) -> bool:
        job = self.jobs[job_id]
        if not job.holds(token) or job.report >= number:
            return False
        job.report = number
        return True

    def _finish(self, job_id: str, token: str, succeeds: bool) -> None:
        job = self.jobs[job_id]
        if succeeds:
            got: str = succeed(self.store, job_id, token)
        else:
            got = self.store.claims.finish_failed(job_id, token, FAILURE)
        if job.status and job.committed == token:
            assert got == job.status
        elif not job.holds(token):
            assert got == "stale"
        else:
            asked = "succeeded" if succeeds else "failed"
            job.committed = token
            job.status = "canceled" if job.promised else "failed" if job.late else asked
            assert got == job.status

    def _release(self, job_id: str, token: str, why: Outcome) -> None:
        job = self.jobs[job_id]
        got = self.store.claims.release(job_id, token, why)
        if job.holds(token):
            job.released = (token, job.requeue(died=why != "drained"))
            assert got == job.released[1]
        else:
            assert got == (job.released[1] if job.status and job.released[0] == token else "stale")

    # Reapers and the courier ----------------------------------------------------------------------

    def _reap(self) -> None:
        self.clock.reaped(1.0)
        report = self.store.reaper.reap(min_gap_seconds=0)
        requeued = ended = expired = 0
        for job in self.jobs.values():
            # In the order of the pass: a job that a lease requeues late is failed by its deadline.
            if job.status == "running" and job.lease_over:
                requeued += job.requeue(died=True) == "queued"
                ended += job.status != "queued"
            if job.status == "queued" and job.is_late:
                job.status = "failed"
                ended += 1
            if job.status in TERMINAL and job.expired:
                job.wipe("expiry")
                expired += 1
        assert (sum(report.requeued.values()), report.ended) == (requeued, ended)
        assert (report.expired, report.held) == (expired, False)

    def _take_wipes(self) -> None:
        # What lost claims wrote is wiped too; it is no part of this model.
        members = [member for member in self.store.wipes.take() if "/" not in member]
        self.taken += members
        for owner_id in (member.rpartition("#")[0] for member in members):
            if owner_id in self.uploads:
                self.uploads[owner_id] = self.uploads[owner_id][0], False
            else:
                self.jobs[owner_id].has_upload = False

    def _wipe(self, member: str) -> None:
        """The courier deletes late what it took long ago."""
        owner_id = member.rpartition("#")[0]
        if owner_id in self.jobs:
            job = self.jobs[owner_id]
            assert not job.status, "pictures of a job that is there would be deleted"
            job.has_blobs = False
        self.store.wipes.end(member)

    # Time -----------------------------------------------------------------------------------------

    def pass_time(self, what: str, job_id: str) -> None:
        """Let time pass for one thing about one job."""
        job = self.jobs[job_id]
        moves: dict[str, tuple[bool, Callable[[str], None], str]] = {
            "lease": (job.status == "running", self.clock.run_out_lease, "lease_over"),
            "finish": (_is_open(job), self.clock.pass_finish_deadline, "late"),
            "start": (_is_open(job), self.clock.pass_start_deadline, "start_late"),
            "expiry": (job.status in TERMINAL, self.clock.expire, "expired"),
        }
        applies, move, mark = moves[what]
        if applies:
            move(job_id)
            setattr(job, mark, True)

    # Both -----------------------------------------------------------------------------------------

    def check(self, snapshot: Snapshot) -> None:
        """Compare the whole store with the model; `check_rules` sees to the rest."""
        there = {job_id: job for job_id, job in self.jobs.items() if job.status}
        assert set(snapshot.jobs) == set(there)
        for tenant in {job.spec.tenant for job in self.jobs.values()}:
            assert self.store.holdings.load(tenant) == self._expect_stored(tenant)
        for job_id, job in there.items():
            record = snapshot.jobs[job_id]
            assert job.has_blobs, "an accepted job has lost its pictures"
            got = {name: record.get(name, "") for name in ("status", "committed_token")}
            assert got == {"status": job.status, "committed_token": job.committed}
            numbers = {name: int(record[name]) for name in ("attempt", "crashes", "requeues")}
            assert numbers == {
                "attempt": job.attempt,
                "crashes": job.crashes,
                "requeues": job.requeues,
            }
            assert bool(record["solo"]) == job.solo
            assert (record.get("token") or "") == (job.token if job.status != "queued" else "")

    def _expect_stored(self, tenant: str) -> Stored:
        jobs = [job for job in self.jobs.values() if job.status and job.spec.tenant == tenant]
        kept = {
            id_ for id_, (owner, is_kept) in self.uploads.items() if is_kept and owner == tenant
        }
        held = kept | {job.share for job in jobs if job.share}
        # Each has an input of one byte, and a result of one byte once it has succeeded.
        own = len(jobs) + sum(job.status == "succeeded" for job in jobs)
        return Stored(len(jobs), 0, len(kept), own + SHARED_BYTES * len(held))


def _is_open(job: ModelJob) -> bool:
    return job.status in ("queued", "running")
