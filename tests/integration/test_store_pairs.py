"""Every pair of calls in every state of a job, each repeated after itself and after the other.

A repeat must answer what the first call answered and change nothing more, whatever came between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from service.contract.keys import StoredLimits
from service.contract.names import CPU_QUEUE
from service.store import Idempotency, InputBytes, JobStore, TakenWebhook
from tests.support.records import (
    FAILURE,
    LIMITS,
    MASK,
    PROGRESS,
    Clock,
    end,
    keep,
    make_spec,
    make_told_spec,
    make_upload,
    outcome,
    succeed,
    take,
)
from tests.support.snapshots import check_rules, take_snapshot, timeless

SPEC = make_told_spec(["job.running", "job.succeeded"], job_id="job_A", call_key="b")
MATE = make_spec(job_id="job_B", call_key="b", tenant="other")
UPLOAD = make_upload()
KEY = Idempotency("k", "f")
JOB, TENANT = SPEC.job_id, SPEC.tenant


@dataclass(frozen=True)
class Scene:
    """One store with one job, and the clock that moves it."""

    store: JobStore
    clock: Clock


Step = Callable[[Scene], Any]


# States -------------------------------------------------------------------------------------------


def _upload(scene: Scene) -> None:
    scene.store.jobs.begin_upload(JOB)


def _submit(scene: Scene) -> Any:
    return scene.store.jobs.submit(
        SPEC,
        start_within_seconds=100,
        finish_within_seconds=200,
        ttl_seconds=300,
        limits=LIMITS,
        idempotency=KEY,
        inputs=InputBytes(5, {UPLOAD.upload_id: UPLOAD.bytes}),
    )


def _submit_mate(scene: Scene) -> Any:
    return scene.store.jobs.submit(
        MATE, start_within_seconds=None, finish_within_seconds=9, ttl_seconds=9, limits=LIMITS
    )


def _claim(scene: Scene, claim_id: str = "c1") -> Any:
    jobs = scene.store.claims.take(CPU_QUEUE, worker="w", claim_id=claim_id, max_jobs=2)
    return [job.job_id for job in jobs]


def _start(scene: Scene) -> None:
    scene.store.claims.report_started(JOB, "c1", 1)


def _crash(scene: Scene) -> Any:
    return scene.store.claims.release(JOB, "c1", "crashed")


def _cancel(scene: Scene) -> Any:
    return scene.store.jobs.cancel(JOB, TENANT).record.status


def _delete(scene: Scene) -> Any:
    return scene.store.jobs.delete(JOB, TENANT, delete_id="d1")


def _reap(scene: Scene) -> Any:
    scene.clock.reaped(1)
    report = scene.store.reaper.reap(min_gap_seconds=0)
    return (report.requeued, report.ended, report.expired, report.held)


def _succeed(scene: Scene) -> Any:
    return succeed(scene.store, JOB)


def _fail(scene: Scene) -> Any:
    return scene.store.claims.finish_failed(JOB, "c1", FAILURE)


def _run_out(scene: Scene) -> None:
    scene.clock.run_out_lease(JOB)


def _pass_finish(scene: Scene) -> None:
    scene.clock.pass_finish_deadline(JOB)


def _pass_start(scene: Scene) -> None:
    scene.clock.pass_start_deadline(JOB)


def _pass_upload(scene: Scene) -> None:
    scene.clock.pass_upload(JOB)


def _expire(scene: Scene) -> None:
    scene.clock.expire(JOB)


def _crash_twice(scene: Scene) -> None:
    for token in ("x", "y"):
        _claim(scene, token)
        scene.store.claims.report_started(JOB, token, 1)
        scene.store.claims.release(JOB, token, "crashed")


def _take(scene: Scene) -> Any:
    return [(taken.subject_id, taken.event_id) for taken in take(scene.store)]


def _end(scene: Scene, error: str | None = None) -> Any:
    taken = TakenWebhook("t1", JOB, f"{JOB}-2", 0, "", {}, ())
    return end(scene.store, taken, error)


_QUEUED = (_upload, _submit)
_RUNNING = (*_QUEUED, _claim)
_PAINTING = (*_RUNNING, _start)

STATES: dict[str, tuple[Step, ...]] = {
    "uploaded": (_upload,),
    "upload_over": (_upload, _pass_upload),
    "queued": _QUEUED,
    "queued_late": (*_QUEUED, _pass_start),
    "running": _RUNNING,
    "painting": _PAINTING,
    "painting_lease_over": (*_PAINTING, _run_out),
    "painting_late": (*_PAINTING, _pass_finish),
    "painting_late_lease_over": (*_PAINTING, _pass_finish, _run_out),
    "painting_last_life": (*_QUEUED, _crash_twice, _claim, _start, _run_out),
    "painting_together": (*_QUEUED, _submit_mate, _claim, _start, _run_out),
    "stopping": (*_PAINTING, _cancel),
    "stopping_lease_over": (*_PAINTING, _cancel, _run_out),
    "requeued": (*_PAINTING, _crash),
    "requeued_alone": (*_QUEUED, _submit_mate, _claim, _start, _crash),
    "succeeded": (*_PAINTING, _succeed),
    "failed": (*_PAINTING, _fail),
    "canceled": (*_QUEUED, _cancel),
    "old": (*_PAINTING, _succeed, _expire),
    "telling": (*_PAINTING, _take),
    "told": (*_PAINTING, _take, _end, _succeed),
    "deleted": (*_PAINTING, _delete),
    "wiped": (*_PAINTING, _succeed, _expire, _reap),
}

CALLS: dict[str, Step] = {
    "begin_upload": _upload,
    "abandon_upload": lambda scene: scene.store.jobs.abandon_upload(JOB),
    "submit": _submit,
    "submit_mate": _submit_mate,
    "claim": _claim,
    "claim_by_another": lambda scene: _claim(scene, "c2"),
    "renew": lambda scene: scene.store.claims.renew([(JOB, "c1")]),
    "report_started": _start,
    "report_progress": lambda scene: scene.store.claims.report_progress(JOB, "c1", 2, PROGRESS),
    "report_mask": lambda scene: scene.store.claims.report_mask(JOB, "c1", 3, MASK, "p"),
    "finish_succeeded": _succeed,
    "finish_failed": _fail,
    "finish_by_another": lambda scene: succeed(scene.store, JOB, "c2"),
    "release_drained": lambda scene: scene.store.claims.release(JOB, "c1", "drained"),
    "release_crashed": _crash,
    "release_hung": lambda scene: scene.store.claims.release(JOB, "c1", "hung"),
    "cancel": _cancel,
    "cancel_by_another": lambda scene: scene.store.jobs.cancel(JOB, "other"),
    "delete": _delete,
    "delete_by_another": lambda scene: scene.store.jobs.delete(JOB, "other", delete_id="d2"),
    "keep_upload": lambda scene: scene.store.uploads.keep(UPLOAD, StoredLimits()),
    "drop_upload": lambda scene: scene.store.uploads.drop(UPLOAD.upload_id, TENANT),
    "view": lambda scene: scene.store.jobs.load(JOB, TENANT).record.status,
    "reap": _reap,
    "take_webhooks": _take,
    "end_webhook": _end,
    "end_webhook_failed": lambda scene: _end(scene, "timeout"),
    "redeliver": lambda scene: scene.store.webhooks.redeliver(JOB, TENANT, redelivery_id="r1"),
    "take_wipes": lambda scene: scene.store.wipes.take(),
    "announce": lambda scene: scene.store.presence.announce(
        "w", CPU_QUEUE, methods=[], models=[], state="idle"
    ),
}

NEVER_REPEATED = {"reap"}
"""Not repeated by whoever sent it: the next pass looks anew."""

REPEATED_AT_ONCE = {"begin_upload", "take_wipes"}
"""The API goes on only when an upload entry is written, so nothing of its own comes between; and a
courier that takes again later may find what has become due meanwhile."""


def _run(scene: Scene, state: str, calls: tuple[str, ...]) -> tuple[list[Any], dict[str, Any]]:
    """Bring about a state, make calls; gives their answers and what the store holds then."""
    scene.store.redis.flushdb()
    scene.store.jobs.begin_upload(MATE.job_id)
    keep(scene.store, UPLOAD)
    for step in STATES[state]:
        step(scene)
    answers = [outcome(partial(CALLS[name], scene)) for name in calls]
    snapshot = take_snapshot(scene.store.redis, scene.store.namespace)
    check_rules(snapshot)
    return answers, timeless(snapshot)


def _check_repeats(scene: Scene, state: str, first: str) -> None:
    _, untouched = _run(scene, state, ())
    (answer,), after_first = _run(scene, state, (first,))
    # A call that found nothing to do is no repeat when made again later: it may find some then.
    took_effect = after_first != untouched and answer not in ("stale", [])
    for second in CALLS:
        answers, plain = _run(scene, state, (first, second))
        if first in NEVER_REPEATED:
            continue
        again, twice = _run(scene, state, (first, first, second))
        assert again == [answers[0], answers[0], answers[1]], (state, first, second)
        assert twice == plain, (state, first, second)
        if took_effect and first not in REPEATED_AT_ONCE:
            _, around = _run(scene, state, (first, second, first))
            assert around == plain, (state, first, second)


@pytest.mark.parametrize("first", CALLS)
@pytest.mark.parametrize("state", ["queued", "painting", "stopping"])
def test_pair_repeats_change_nothing(store: JobStore, clock: Clock, state: str, first: str) -> None:
    _check_repeats(Scene(store, clock), state, first)


@pytest.mark.slow
@pytest.mark.parametrize("state", sorted(set(STATES) - {"queued", "painting", "stopping"}))
def test_pair_repeats_change_nothing_in_rarer_states(
    store: JobStore, clock: Clock, state: str
) -> None:
    for first in CALLS:
        _check_repeats(Scene(store, clock), state, first)
