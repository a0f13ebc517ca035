"""A script was executed and its reply lost: the call made again gives what the first would have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from service.contract.errors import BrokerUnavailable
from service.contract.jobs import BatchPlace, JobSpec
from service.contract.keys import SCOPES, KeyLimits, StoredLimits
from service.contract.names import CPU_QUEUE
from service.local.chaos.reply_cutter import ReplyCutter
from service.store import SCRIPTS, Idempotency, InputBytes, JobStore, TakenWebhook, connect
from tests.support.records import (
    FAILURE,
    LIMITS,
    MASK,
    PROGRESS,
    Clock,
    claim,
    end,
    keep,
    load,
    make_spec,
    make_told_spec,
    make_upload,
    outcome,
    submit,
    succeed,
    take,
)
from tests.support.snapshots import check_rules, take_snapshot, timeless

SPEC = make_spec(job_id="job_A")
JOB = SPEC.job_id
KEY = Idempotency("k", "f")


def _uploaded(store: JobStore) -> None:
    store.jobs.begin_upload(JOB)


def _queued(store: JobStore) -> None:
    submit(store, SPEC, idempotency=KEY)


def _running(store: JobStore) -> None:
    _queued(store)
    claim(store)


def _painting(store: JobStore) -> None:
    _running(store)
    store.claims.report_started(JOB, "c1", 1)


def _stopping(store: JobStore) -> None:
    _painting(store)
    store.jobs.cancel(JOB, "default")


def _deleted(store: JobStore) -> None:
    _painting(store)
    store.jobs.delete(JOB, "default", delete_id="d1")


def _told(store: JobStore) -> None:
    submit(store, make_told_spec(job_id=JOB))
    claim(store)
    succeed(store, JOB)


def _telling(store: JobStore) -> None:
    _told(store)
    take(store)


def _end(store: JobStore) -> str:
    return end(store, TakenWebhook("t1", JOB, f"{JOB}-3", 0, "", {}, ()), "timeout")


def _submit_again(store: JobStore) -> str:
    return submit(store, make_spec(job_id="job_B"), idempotency=KEY)


def _submit(store: JobStore, spec: JobSpec = SPEC) -> Any:
    return store.jobs.submit(
        spec,
        start_within_seconds=10,
        finish_within_seconds=20,
        ttl_seconds=30,
        limits=LIMITS,
        idempotency=KEY,
    )


def _states(store: JobStore) -> list[str]:
    return [item.status for item in store.batches.load(BATCH, "default", limit=2)[1]]


@dataclass(frozen=True)
class Case:
    """One call that loses its reply.

    Attributes:
        what: the script whose reply is cut, or a command.
        prepare: brings about the state before.
        call: the call; its answer is compared.
    """

    what: str
    prepare: Callable[[JobStore], None]
    call: Callable[[JobStore], Any]


KEY_ID = "0123456789ab"
KEY_TEXT = f"pj_{KEY_ID}_{'0' * 64}"


def _with_key(store: JobStore) -> None:
    store.keys.add(KEY_TEXT, "acme", SCOPES, KeyLimits())


BATCH = "batch_A"
BATCH_SPEC = SPEC.model_copy(update={"batch": BatchPlace(batch_id=BATCH, index=0)})


def _begin(store: JobStore) -> None:
    store.batches.begin(BATCH, "default", total=2, ttl_seconds=60, idempotency=KEY)


def _item_uploaded(store: JobStore) -> None:
    _begin(store)
    _uploaded(store)


def _batch_queued(store: JobStore) -> None:
    _begin(store)
    submit(store, BATCH_SPEC)


def _batch_painting(store: JobStore) -> None:
    _batch_queued(store)
    store.batches.close(BATCH, problems=["{}"], runs=[(1, 1, 0)])
    claim(store)


PICTURE = make_upload()


def _sharing(store: JobStore) -> None:
    keep(store, PICTURE)
    submit(store, SPEC, inputs=InputBytes(1, {PICTURE.upload_id: PICTURE.bytes}))


HOOK = "https://8.8.8.8/batch"


def _begin_told(store: JobStore) -> None:
    store.batches.begin(BATCH, "default", total=2, ttl_seconds=60, webhook_url=HOOK)


def _told_batch_painting(store: JobStore) -> None:
    _begin_told(store)
    submit(store, BATCH_SPEC)
    store.batches.close(BATCH, problems=["{}"], runs=[(1, 1, 0)])
    claim(store)


def _batch_told(store: JobStore) -> None:
    _told_batch_painting(store)
    succeed(store, JOB)


def _batch_telling(store: JobStore) -> None:
    _batch_told(store)
    take(store)


def _end_batch(store: JobStore) -> str:
    return end(store, TakenWebhook("t1", BATCH, f"{BATCH}-1", 0, "", {}, ()), "timeout")


CASES = {
    "finish_last_item": Case("finish", _told_batch_painting, lambda s: succeed(s, JOB)),
    "delete_last_item": Case(
        "delete", _told_batch_painting, lambda s: s.jobs.delete(JOB, "default", delete_id="d1")
    ),
    "close_told_batch": Case(
        "close_batch",
        _begin_told,
        lambda s: s.batches.close(BATCH, problems=["{}"], runs=[(0, 1, 0)]),
    ),
    "take_batch": Case("take_webhooks", _batch_told, lambda s: [t.event_id for t in take(s)]),
    "end_batch": Case("end_webhook", _batch_telling, _end_batch),
    "redeliver_batch": Case(
        "redeliver",
        _batch_telling,
        lambda s: s.webhooks.redeliver(BATCH, "default", redelivery_id="r1"),
    ),
    "mute_batch": Case("mute_batch", _batch_telling, lambda s: s.batches.mute(BATCH, "default")),
    "forget_told_batch": Case(
        "forget_batch", _batch_telling, lambda s: s.batches.forget(BATCH, "default")
    ),
    "keep_upload": Case(
        "keep_upload",
        lambda s: s.jobs.begin_upload(PICTURE.upload_id),
        lambda s: s.uploads.keep(PICTURE, StoredLimits(uploads=1)),
    ),
    "drop_upload": Case(
        "drop_upload", _sharing, lambda s: s.uploads.drop(PICTURE.upload_id, "default")
    ),
    "delete_sharing": Case(
        "delete", _sharing, lambda s: s.jobs.delete(JOB, "default", delete_id="d1")
    ),
    "stored": Case("stored", _sharing, lambda s: s.holdings.load("default")),
    "list_batches": Case(
        "list_batches", _batch_painting, lambda s: len(s.batches.load_page("default", limit=5)[0])
    ),
    "usage": Case("usage", _sharing, lambda s: s.usage.load("default", 1)),
    "begin_batch": Case("begin_batch", lambda store: None, _begin),
    "submit_item": Case("submit", _item_uploaded, lambda s: _submit(s, BATCH_SPEC)),
    "close_batch": Case(
        "close_batch",
        _batch_queued,
        lambda s: s.batches.close(BATCH, problems=["{}"], runs=[(1, 1, 0)]),
    ),
    "view_batch": Case("view_batch", _batch_painting, lambda s: _states(s)),
    "finish_item": Case("finish", _batch_painting, lambda s: succeed(s, JOB)),
    "delete_item": Case(
        "delete", _batch_painting, lambda s: s.jobs.delete(JOB, "default", delete_id="d1")
    ),
    "forget_batch": Case(
        "forget_batch", _batch_painting, lambda s: s.batches.forget(BATCH, "default")
    ),
    "begin_upload": Case("begin_upload", lambda store: None, lambda s: s.jobs.begin_upload(JOB)),
    "abandon_upload": Case("ZADD", _uploaded, lambda s: s.jobs.abandon_upload(JOB)),
    "submit": Case("submit", _uploaded, _submit),
    "submit_known": Case("submit", _queued, _submit_again),
    "view": Case("view", _running, lambda s: load(s, JOB).status),
    "list": Case(
        "list", _running, lambda s: [job.status for job in s.jobs.load_page("default").jobs]
    ),
    "queue": Case("queue", _queued, lambda s: s.queues.load_state(CPU_QUEUE).waiting),
    "gauges": Case("gauges", _queued, lambda s: s.gauges.load().queues[CPU_QUEUE][0]),
    "claim": Case("claim", _queued, lambda s: claim(s, "c1")),
    "claim_none": Case("claim", lambda store: None, lambda s: claim(s, "c1")),
    "renew": Case("renew", _running, lambda s: s.claims.renew([(JOB, "c1"), (JOB, "c0")])),
    "report_started": Case("report", _running, lambda s: s.claims.report_started(JOB, "c1", 1)),
    "report_progress": Case(
        "report", _painting, lambda s: s.claims.report_progress(JOB, "c1", 2, PROGRESS)
    ),
    "report_mask": Case(
        "report", _painting, lambda s: s.claims.report_mask(JOB, "c1", 2, MASK, "p")
    ),
    "finish_succeeded": Case("finish", _painting, lambda s: succeed(s, JOB)),
    "finish_failed": Case(
        "finish", _painting, lambda s: s.claims.finish_failed(JOB, "c1", FAILURE)
    ),
    "finish_canceled": Case("finish", _stopping, lambda s: succeed(s, JOB)),
    "finish_deleted": Case("finish", _deleted, lambda s: succeed(s, JOB)),
    "release_drained": Case("release", _painting, lambda s: s.claims.release(JOB, "c1", "drained")),
    "release_crashed": Case("release", _painting, lambda s: s.claims.release(JOB, "c1", "crashed")),
    "release_canceled": Case("release", _stopping, lambda s: s.claims.release(JOB, "c1", "hung")),
    "cancel_queued": Case("cancel", _queued, lambda s: s.jobs.cancel(JOB, "default").record.status),
    "cancel_running": Case(
        "cancel", _painting, lambda s: s.jobs.cancel(JOB, "default").record.status
    ),
    "delete": Case("delete", _painting, lambda s: s.jobs.delete(JOB, "default", delete_id="d1")),
    "presence": Case(
        "presence",
        lambda store: None,
        lambda s: s.presence.announce("w", CPU_QUEUE, methods=[], models=[], state="idle"),
    ),
    "take_wipes": Case("take_wipes", _deleted, lambda s: s.wipes.take()),
    "add_key": Case(
        "add_key",
        lambda store: None,
        lambda s: s.keys.add(KEY_TEXT, "acme", SCOPES, KeyLimits()).id,
    ),
    "revoke_key": Case("revoke_key", _with_key, lambda s: s.keys.revoke(KEY_ID)),
    "take_webhooks": Case("take_webhooks", _told, lambda s: [t.event_id for t in take(s)]),
    "end_webhook": Case("end_webhook", _telling, _end),
    "redeliver": Case(
        "redeliver", _telling, lambda s: s.webhooks.redeliver(JOB, "default", redelivery_id="r1")
    ),
    "add_webhook_key": Case(
        "add_webhook_key", lambda store: None, lambda s: s.signing_keys.add("t", "k1", "whsec_AA")
    ),
    "end_wipe": Case("ZREM", _deleted, lambda s: s.wipes.end(f"{JOB}#now")),
}


@pytest.fixture
def store(broker_url: str) -> Iterator[JobStore]:
    opened = connect(broker_url)
    for script in opened.scripts.registered.values():
        # Or the first call would lose the reply that asks for the script's text.
        opened.redis.script_load(script.script)
    yield opened
    opened.redis.close()


@pytest.fixture
def cutter(broker_url: str) -> Iterator[ReplyCutter]:
    with ReplyCutter(broker_url) as running:
        yield running


def _state(store: JobStore) -> dict[str, Any]:
    snapshot = take_snapshot(store.redis, store.namespace)
    check_rules(snapshot)
    return timeless(snapshot)


def _text_of(store: JobStore, what: str) -> str:
    return store.scripts.registered[what].sha if what in SCRIPTS else what


@pytest.mark.parametrize("name", CASES)
def test_call_repeated_after_a_lost_reply_gives_what_it_would_have_given(
    store: JobStore, cutter: ReplyCutter, name: str
) -> None:
    case = CASES[name]
    case.prepare(store)
    expected = case.call(store)
    expected_state = _state(store)

    store.redis.flushdb()
    case.prepare(store)
    caller = connect(cutter.url)
    caller.check_ready()
    cutter.cut_next(_text_of(store, case.what))
    # The link makes the call again by itself.
    assert case.call(caller) == expected
    assert cutter.cuts == 1
    assert _state(store) == expected_state
    caller.redis.close()


def test_every_script_has_a_case() -> None:
    assert {case.what for case in CASES.values()} >= set(SCRIPTS) - {"reap"}


def test_reap_that_lost_its_reply_is_made_up_for_by_the_next(
    store: JobStore, cutter: ReplyCutter
) -> None:
    clock = Clock(store)
    _painting(store)
    clock.run_out_lease(JOB)
    clock.reaped(1)
    caller = connect(cutter.url)
    cutter.cut_next(_text_of(store, "reap"))
    assert caller.reaper.reap(min_gap_seconds=0).requeued == {}
    assert load(store, JOB).status == "queued"
    assert load(store, JOB).crashes == 1
    # No wake-up was sent: the missing one is found, and found again if that is lost too.
    clock.short_for(CPU_QUEUE, 1)
    cutter.cut_next(_text_of(store, "reap"))
    assert caller.reaper.reap(min_gap_seconds=0).missing == {}
    assert cutter.cuts == 2
    clock.short_for(CPU_QUEUE, 1)
    assert caller.reaper.reap(min_gap_seconds=0).missing == {CPU_QUEUE: 1}
    assert (load(store, JOB).crashes, load(store, JOB).requeues) == (1, 1)
    caller.redis.close()


# Many at once -------------------------------------------------------------------------------------


def _insist(call: Callable[[], Any]) -> Any:
    while True:
        try:
            return call()
        except BrokerUnavailable:
            continue


def _work(url: str, name: str, commits: dict[str, int]) -> None:
    """A worker that repeats what got no answer, with the arguments it had."""
    store = connect(url)
    number = 0
    while True:
        number += 1
        token = f"{name}-{number}"
        ids = _insist(partial(claim, store, token, max_jobs=3))
        if not ids:
            break
        for place, job_id in enumerate(ids):
            _insist(partial(store.claims.report_started, job_id, token, 1))
            if (number + place) % 4 == 0:
                _insist(partial(store.claims.release, job_id, token, "drained"))
            elif _insist(partial(succeed, store, job_id, token)) == "succeeded":
                commits[job_id] = commits.get(job_id, 0) + 1
    store.redis.close()


@pytest.mark.slow
def test_every_job_ends_once_when_a_third_of_all_replies_is_lost(
    store: JobStore, cutter: ReplyCutter
) -> None:
    caller = connect(cutter.url)
    cutter.cut_often(0.33, seed=7)
    ids = [_insist(lambda: submit(caller, call_key="b")) for _ in range(40)]
    commits: dict[str, int] = {}
    threads = [
        threading.Thread(target=_work, args=(cutter.url, name, commits)) for name in ("w1", "w2")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cutter.cut_nothing()
    # A worker may have left while the other still gave jobs back.
    _work(cutter.url, "w3", commits)
    snapshot = take_snapshot(store.redis, store.namespace)
    check_rules(snapshot)
    assert {record["status"] for record in snapshot.jobs.values()} == {"succeeded"}
    assert set(ids) <= set(snapshot.jobs)
    assert commits == dict.fromkeys(snapshot.jobs, 1)
    assert cutter.cuts > 40
    caller.redis.close()


def test_lost_reply_is_told_as_unavailable(store: JobStore, cutter: ReplyCutter) -> None:
    caller = connect(cutter.url)
    cutter.cut_next("PING")

    def ping() -> None:
        caller.scripts.link.call(caller.redis.ping, repeats=False)

    assert outcome(ping) == "broker_unavailable"
    assert outcome(ping) is None
    caller.redis.close()
