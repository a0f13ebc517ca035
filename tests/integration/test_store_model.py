"""The job record against a model of it: any order of calls, each repeated at any later time.

Scripts are atomic, so what can go wrong is their order and what callers believe while they call:
old tokens, old ids, a wipe list read long ago, a call sent twice.
`PAINTJOB_HYPOTHESIS=soak` looks much longer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.store import Idempotency, Outcome, connect
from tests.support.broker import flush
from tests.support.interleave import Interleaver
from tests.support.records import Clock, make_spec
from tests.support.snapshots import TERMINAL, check_rules, take_snapshot

IS_SOAK = os.environ.get("PAINTJOB_HYPOTHESIS") == "soak"
TENANTS = ("default", "other")

Any_ = TypeVar("Any_")
numbers = st.integers(0, 10_000)


def _pick(things: Sequence[Any_], number: int) -> Any_:
    """Prefer what is new: that is where races are."""
    return things[-1 - number % len(things)]


class RecordMachine(RuleBasedStateMachine):
    """Two tenants, workers, reapers and a courier, all of them confused."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        flush(self.url)
        store = connect(self.url)
        self.both = Interleaver(store, Clock(store))
        self.drawn = 0
        self.ends: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def draw_id(self, kind: str) -> str:
        self.drawn += 1
        return f"{kind}{self.drawn}"

    # The API --------------------------------------------------------------------------------------

    @rule(
        tenant=st.sampled_from(TENANTS),
        priority=st.sampled_from(("high", "normal", "low")),
        call_key=st.sampled_from(("", "b")),
        key=st.sampled_from((None, None, "k")),
        fingerprint=st.sampled_from(("f", "g")),
        share=numbers,
        submits=st.booleans(),
    )
    def upload(
        self,
        tenant: str,
        priority: str,
        call_key: str,
        key: str | None,
        fingerprint: str,
        share: int,
        submits: bool,
    ) -> None:
        job_id = self.draw_id("job")
        spec = make_spec(job_id=job_id, tenant=tenant, priority=priority, call_key=call_key)
        shares = ["", *(id_ for id_, (owner, _) in self.both.uploads.items() if owner == tenant)]
        idempotency = Idempotency(key, fingerprint) if key else None
        self.both.call("upload", spec=spec, key=idempotency, share=_pick(shares, share))
        if submits:
            self.both.call("submit", job_id=job_id)

    @rule(tenant=st.sampled_from(TENANTS))
    def keep_upload(self, tenant: str) -> None:
        self.both.call("keep", upload_id=self.draw_id("upl"), tenant=tenant)

    @precondition(lambda self: self.both.uploads)
    @rule(upload=numbers)
    def drop_upload(self, upload: int) -> None:
        self.both.call("drop", upload_id=_pick(list(self.both.uploads), upload))

    @precondition(lambda self: self.both.jobs)
    @rule(job=numbers)
    def submit(self, job: int) -> None:
        self.both.call("submit", job_id=self.job(job))

    @precondition(lambda self: self.both.jobs)
    @rule(job=numbers, tenant=st.sampled_from((*TENANTS, "default")))
    def cancel(self, job: int, tenant: str) -> None:
        self.both.call("cancel", job_id=self.job(job), tenant=tenant)

    @precondition(lambda self: self.both.jobs)
    @rule(job=numbers, tenant=st.sampled_from(TENANTS))
    def delete(self, job: int, tenant: str) -> None:
        delete_id = self.draw_id("delete")
        self.both.call("delete", job_id=self.job(job), tenant=tenant, delete_id=delete_id)

    @precondition(lambda self: self.both.jobs)
    @rule(job=numbers, tenant=st.sampled_from(TENANTS), abandons=st.booleans())
    def look(self, job: int, tenant: str, abandons: bool) -> None:
        self.both.call("view", job_id=self.job(job), tenant=tenant)
        if abandons:
            self.both.call("abandon", job_id=self.job(job))

    # Workers --------------------------------------------------------------------------------------

    @rule(max_jobs=st.integers(1, 3), warm_model=st.sampled_from(("", "m")))
    def claim(self, max_jobs: int, warm_model: str) -> None:
        claim_id = self.draw_id("claim")
        self.both.call("claim", claim_id=claim_id, max_jobs=max_jobs, warm_model=warm_model)

    @precondition(lambda self: self.both.claims)
    @rule(claim=numbers, number=st.integers(1, 3), kind=st.sampled_from(("progress", "mask")))
    def report(self, claim: int, number: int, kind: str) -> None:
        job_id, token = self.held(claim)
        self.both.call(kind, job_id=job_id, token=token, number=number)

    @precondition(lambda self: self.both.claims)
    @rule(claim=numbers)
    def start(self, claim: int) -> None:
        job_id, token = self.held(claim)
        self.both.call("started", job_id=job_id, token=token, number=1)

    @precondition(lambda self: self.both.claims)
    @rule(claims=st.lists(numbers, max_size=3))
    def renew(self, claims: list[int]) -> None:
        self.both.call("renew", claims=[self.held(claim) for claim in claims])

    @precondition(lambda self: self.both.claims)
    @rule(claim=numbers, succeeds=st.booleans())
    def finish(self, claim: int, succeeds: bool) -> None:
        job_id, token = self.held(claim)
        self.both.call("finish", job_id=job_id, token=token, succeeds=succeeds)

    @precondition(lambda self: self.both.claims)
    @rule(claim=numbers, why=st.sampled_from(("drained", "crashed", "hung")))
    def release(self, claim: int, why: Outcome) -> None:
        job_id, token = self.held(claim)
        self.both.call("release", job_id=job_id, token=token, why=why)

    # Reapers and the courier ----------------------------------------------------------------------

    @rule()
    def reap(self) -> None:
        self.both.call("reap")

    @rule(all_due=st.booleans())
    def take_wipes(self, all_due: bool) -> None:
        if all_due:
            self.both.clock.make_wipes_due()
        self.both.call("take_wipes")

    @precondition(lambda self: self.both.taken)
    @rule(member=numbers)
    def wipe(self, member: int) -> None:
        self.both.call("wipe", member=_pick(self.both.taken, member))

    # Time, and everything again -------------------------------------------------------------------

    @precondition(lambda self: self.both.jobs)
    @rule(job=numbers, what=st.sampled_from(("lease", "lease", "finish", "start", "expiry")))
    def pass_time(self, job: int, what: str) -> None:
        self.both.pass_time(what, self.job(job))

    @precondition(lambda self: self.both.past)
    @rule(call=numbers)
    def repeat(self, call: int) -> None:
        self.both.repeat(call % len(self.both.past))

    @precondition(lambda self: self.both.past)
    @rule()
    def repeat_the_last(self) -> None:
        self.both.repeat(-1)

    # What always holds ----------------------------------------------------------------------------

    @invariant()
    def rules_hold(self) -> None:
        snapshot = take_snapshot(self.both.store.redis, self.both.store.namespace)
        check_rules(snapshot)
        self.both.check(snapshot)
        for job_id, record in snapshot.jobs.items():
            assert int(record["version"]) >= self.versions.get(job_id, 0)
            self.versions[job_id] = int(record["version"])
            if record["status"] in TERMINAL:
                text = repr(sorted(record.items()))
                assert self.ends.setdefault(job_id, text) == text, "changed after its end"

    def teardown(self) -> None:
        self.finish_everything()
        self.both.store.redis.close()

    def finish_everything(self) -> None:
        """Nothing is lost: with a worker that works, every accepted job comes to an end."""
        for _ in range(100):
            for job_id in list(self.both.jobs):
                self.both.pass_time("lease", job_id)
            self.both.call("reap")
            self.claim(1, "")
            if not any(job.status in ("queued", "running") for job in self.both.jobs.values()):
                break
            for job_id, token in self.both.held_claims[-1:]:
                self.both.call("finish", job_id=job_id, token=token, succeeds=True)
        self.rules_hold()
        assert not any(job.status in ("queued", "running") for job in self.both.jobs.values())

    def job(self, number: int) -> str:
        return _pick(list(self.both.jobs), number)

    def held(self, number: int) -> tuple[str, str]:
        return _pick(self.both.held_claims, number)


@pytest.mark.slow
@pytest.mark.timeout(3600 if IS_SOAK else 300)
def test_job_record_keeps_every_rule_when_calls_interleave_and_repeat(broker_url: str) -> None:
    RecordMachine.url = broker_url
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        RecordMachine,
        settings=settings(
            max_examples=2000 if IS_SOAK else 60,
            stateful_step_count=80 if IS_SOAK else 40,
            suppress_health_check=list(HealthCheck),
        ),
    )
