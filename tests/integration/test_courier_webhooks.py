"""The courier tells of jobs: real outbox, real receivers, real processes."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.contract.jobs import JobSpec
from service.contract.names import CPU_QUEUE
from service.courier.config import CourierSettings
from service.courier.delivering import MAX_DELAY_SECONDS, deliver, next_delay
from service.courier.dispatching import Dispatcher
from service.local.broker import EmbeddedBroker
from service.store import JobStore, connect, draw_secret
from tests.support.patience import wait_for
from tests.support.receiver import Received, Receiver, running_receiver
from tests.support.records import make_told_spec, submit, succeed, take
from tests.support.stack import running_stack

SECRET = draw_secret()
EVENTS = ("job.running", "job.succeeded")


@pytest.fixture
def store(broker_url: str) -> Iterator[JobStore]:
    opened = connect(broker_url)
    for tenant in ("default", "a", "b"):
        opened.signing_keys.add(tenant, f"whk_{tenant}", SECRET)
    yield opened
    opened.redis.close()


def _settings(**changes: object) -> CourierSettings:
    given = {"webhook_allow_http": True, "webhook_allow_private": True}
    quick = {"webhook_timeout_seconds": 60, "webhook_retry_seconds": 0.02}
    return CourierSettings.model_validate({**given, **quick, "webhook_threads": 8, **changes})


@contextmanager
def _dispatching(store: JobStore, settings: CourierSettings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Dispatcher(store, settings).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _spec(url: str, tenant: str = "default") -> JobSpec:
    spec = make_told_spec(EVENTS, tenant=tenant)
    return spec.model_copy(update={"params": spec.params.model_copy(update={"webhook_url": url})})


def _finish_one(store: JobStore, url: str, tenant: str = "default") -> str:
    job_id = submit(store, _spec(url, tenant))
    store.claims.take(CPU_QUEUE, worker="w", claim_id=f"c-{job_id}")
    assert succeed(store, job_id, f"c-{job_id}") == "succeeded"
    return job_id


def _check_order(receiver: Receiver) -> None:
    """Each event was taken once under its id, or again under the same; none before its turn."""
    by_job: defaultdict[str, list[Received]] = defaultdict(list)
    for received in receiver.accepted:
        received.verify(SECRET)
        by_job[received.job["id"]].append(received)
    for job_id, told in by_job.items():
        versions = [received.job["version"] for received in told]
        assert versions == sorted(versions), job_id
        assert [received.webhook_id for received in told] == [f"{job_id}-{v}" for v in versions]
        assert len({received.body for received in told}) == len(set(versions)), "one id, one body"


def _accepted(receiver: Receiver) -> set[str]:
    return {received.webhook_id for received in receiver.accepted}


def test_receiver_is_told_in_order_and_with_the_document_of_the_job(store: JobStore) -> None:
    with running_receiver() as receiver:
        job_id = _finish_one(store, receiver.url())
        with _dispatching(store, _settings(public_url="https://paint.example")):
            wait_for(lambda: len(receiver.accepted) == 2)
            wait_for(
                lambda: all(d.state == "delivered" for d in store.webhooks.load_deliveries(job_id))
            )
    _check_order(receiver)
    assert [received.job["status"] for received in receiver.accepted] == ["running", "succeeded"]
    assert tuple(received.job["type"] for received in receiver.accepted) == EVENTS
    last = receiver.accepted[-1].job
    assert last["outputs"][0]["url"] == f"https://paint.example/jobs/{job_id}/results/0"
    assert last["queue"] == {"position": None, "eta_seconds": None}
    assert receiver.accepted[0].job["outputs"] == []


def test_end_of_a_batch_is_told_after_tries_that_failed(store: JobStore) -> None:
    answers = iter([500, 500, 204])
    with running_receiver(lambda _: next(answers)) as receiver:
        url = receiver.url("/batch")
        store.batches.begin("batch_A", "default", total=1, ttl_seconds=60, webhook_url=url)
        store.batches.close("batch_A", problems=["{}"], runs=[(0, 0, 0)])
        with _dispatching(store, _settings(public_url="https://paint.example")):
            wait_for(lambda: len(receiver.accepted) == 1)
            wait_for(lambda: store.webhooks.load_deliveries("batch_A")[0].state == "delivered")
    for received in receiver.received:
        received.verify(SECRET)
        assert (received.path, received.webhook_id) == ("/batch", "batch_A-1")
    document = receiver.accepted[0].job
    assert (document["id"], document["status"]) == ("batch_A", "ended")
    assert document["counts"]["refused"] == 1
    assert document["links"]["results"] == "https://paint.example/batches/batch_A/results.zip"


def test_receiver_that_often_fails_is_told_of_everything_in_order(store: JobStore) -> None:
    dice = random.Random(3)
    with running_receiver(lambda _: 500 if dice.random() < 0.3 else 200) as receiver:
        jobs = [_finish_one(store, receiver.url()) for _ in range(40)]
        with _dispatching(store, _settings()):
            wait_for(lambda: len(_accepted(receiver)) == 80)
    assert {received.job["id"] for received in receiver.accepted} == set(jobs)
    assert max(Counter(r.webhook_id for r in receiver.received).values()) > 1
    _check_order(receiver)


def test_receiver_that_hangs_delays_its_own_tenant_alone(store: JobStore) -> None:
    release = threading.Event()
    with (
        running_receiver(lambda _: release.wait() and 200) as hanging,
        running_receiver() as good,
    ):
        for _ in range(40):
            _finish_one(store, hanging.url(), "a")
        with _dispatching(store, _settings(webhook_timeout_seconds=60)):
            wait_for(lambda: len(hanging.received) >= 1)
            for _ in range(20):
                _finish_one(store, good.url(), "b")
            wait_for(lambda: len(_accepted(good)) == 40)
            assert len(hanging.received) <= 8 // 4 + 1
            release.set()
    _check_order(good)


def test_host_that_timed_out_gets_one_thread_until_it_answers(store: JobStore) -> None:
    release = threading.Event()
    settings = _settings(webhook_threads=16, webhook_timeout_seconds=0.3, webhook_retry_seconds=60)
    with running_receiver(lambda _: release.wait() and 200) as receiver:
        jobs = [_finish_one(store, receiver.url()) for _ in range(12)]

        def has_five() -> bool:
            received = len(receiver.received)
            ended = sum(d.tries for job in jobs for d in store.webhooks.load_deliveries(job))
            assert received <= ended + (2 if ended < 2 else 1), "two at once first, then one by one"
            return received >= 5

        with _dispatching(store, settings):
            wait_for(has_five)
        release.set()


@pytest.mark.slow
def test_webhooks_are_told_after_an_outage_of_the_broker(private_broker: EmbeddedBroker) -> None:
    store = connect(private_broker.url)
    store.signing_keys.add("default", "whk_1", SECRET)
    with running_receiver() as receiver, _dispatching(store, _settings()):
        _finish_one(store, receiver.url())
        wait_for(lambda: len(receiver.accepted) == 2)
        private_broker.kill()
        time.sleep(0.2)
        private_broker.start()
        _finish_one(store, receiver.url())
        wait_for(lambda: len(_accepted(receiver)) == 4)
    _check_order(receiver)
    store.redis.close()


def test_try_that_cannot_even_be_made_counts_as_one(store: JobStore) -> None:
    _finish_one(store, "http://127.0.0.1:1/")
    (taken,) = take(store)
    broken = type(taken)(**{**vars(taken), "fields": {"tenant": "default"}})
    assert deliver(broken, _settings(), time.monotonic() + 1).posted.error == "internal"


def test_delays_grow_threefold_up_to_six_hours() -> None:
    assert 4.5 <= next_delay(0, 5) <= 5.5
    assert 13.5 <= next_delay(1, 5) <= 16.5
    assert next_delay(1000, 5) <= MAX_DELAY_SECONDS * 1.1


@pytest.mark.slow
def test_courier_that_is_killed_loses_nothing(
    broker_url: str, store: JobStore, tmp_path: Path
) -> None:
    dice = random.Random(5)
    environ = {
        "PAINTJOB_WEBHOOK_ALLOW_HTTP": "true",
        "PAINTJOB_WEBHOOK_ALLOW_PRIVATE": "true",
        "PAINTJOB_WEBHOOK_TIMEOUT_SECONDS": "2",
        "PAINTJOB_WEBHOOK_RETRY_SECONDS": "0.05",
    }

    def answer(_: Received) -> int:
        time.sleep(dice.random() * 0.05)
        return 500 if dice.random() < 0.3 else 200

    with running_receiver(answer) as receiver:
        jobs = [_finish_one(store, receiver.url()) for _ in range(150)]
        with running_stack(broker_url, tmp_path, environ=environ) as stack:
            for _ in range(3):
                before = len(receiver.received)
                courier = stack.start("service.courier")
                wait_for(lambda before=before: len(receiver.received) > before + 20, stack.logs)  # type: ignore[misc]
                courier.kill()
                courier.wait()
            stack.start("service.courier")
            stack.start("service.courier")
            wait_for(lambda: len(_accepted(receiver)) == 300, stack.logs)

            def all_recorded() -> bool:
                return all(
                    d.state == "delivered" for j in jobs for d in store.webhooks.load_deliveries(j)
                )

            wait_for(all_recorded, stack.logs)
    _check_order(receiver)
