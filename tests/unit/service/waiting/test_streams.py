"""The one reader of a process and its waiters, on a real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from service.contract.errors import TooManyWaiters
from service.contract.jobs import Progress
from service.local.broker import EmbeddedBroker
from service.store import JobStore, StoredEvent, connect
from service.waiting.streams import QUEUE_EVENTS, Streams, Waiter, count_slots
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.records import PROGRESS, claim, submit, succeed


@pytest.fixture
def store(broker_url: str) -> Iterator[JobStore]:
    """A store on an empty broker."""
    found = connect(broker_url, socket_timeout=60)
    yield found
    found.redis.close()


@pytest.fixture
def streams(store: JobStore) -> Streams:
    """Streams with three slots."""
    return Streams(lambda: store, 3)


def _drain(waiter: Waiter) -> list[StoredEvent]:
    """Take until the end of the job."""
    found: list[StoredEvent] = []
    while not (found and found[-1].is_end):
        event = waiter.take(PATIENCE_SECONDS)
        assert event is not None, found
        found.append(event)
    return found


@pytest.mark.parametrize(
    ("threads", "slots"), [(1, 1), (2, 1), (8, 4), (48, 24), (64, 32), (160, 128)]
)
def test_slots_leave_threads_for_short_requests(threads: int, slots: int) -> None:
    assert count_slots(threads) == slots


def test_waiter_hears_what_happens_after_it_joined(store: JobStore, streams: Streams) -> None:
    job_id = submit(store)
    with streams.admit() as waiter:
        tails = waiter.join(job_id)
        claim(store)
        succeed(store, job_id)
        found = _drain(waiter)
    assert [(event.kind, event.data) for event in found] == [
        ("status", "running"),
        ("status", "succeeded"),
    ]
    assert tails.job < found[0].id < found[1].id


def test_event_arrives_although_the_reader_waits_already(
    store: JobStore, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that waits for other jobs is woken when a job is added."""
    idle, busy = submit(store), submit(store)
    monkeypatch.setattr("service.store.events.BLOCK_SECONDS", 20)
    delays = []
    with streams.admit() as first:
        first.join(idle)
        time.sleep(0.1)
        for _ in range(8):
            with streams.admit() as second:
                second.join(busy)
                began = time.monotonic()
                store.redis.xadd(
                    f"{store.namespace}:events:{busy}",
                    {"type": "painting", "version": 9, "at": 1, "data": ""},
                )
                assert second.take(PATIENCE_SECONDS) is not None
                delays.append(time.monotonic() - began)
    assert sorted(delays)[len(delays) // 2] < 10


def test_late_joiner_gets_no_gap(store: JobStore, streams: Streams) -> None:
    """What is read after joining and what is taken cover everything, whoever joined before."""
    job_id = submit(store)
    claim(store)
    writer = threading.Thread(target=lambda: _tell(store, job_id, 60))
    with streams.admit() as first:
        first.join(job_id)
        writer.start()
        time.sleep(0.05)
        with streams.admit() as second:
            second.join(job_id)
            past = store.events.load_after(job_id)
            writer.join()
            later = [event for event in _drain(second) if event.id > past[-1].id]
        assert [event.version for event in [*past, *later]] == list(range(1, 64))
        assert [event.version for event in _drain(first)] == list(range(3, 64))


def _tell(store: JobStore, job_id: str, count: int) -> None:
    for number in range(1, count + 1):
        store.claims.report_progress(job_id, "c1", number, PROGRESS)
        time.sleep(0.002)
    succeed(store, job_id)


def test_wiped_job_is_told_of(store: JobStore, streams: Streams) -> None:
    job_id, other = submit(store), submit(store)
    with streams.admit() as waiter, streams.admit() as bystander:
        waiter.join(job_id)
        bystander.join(other)
        store.jobs.delete(job_id, "default")
        (event,) = _drain(waiter)
        assert (event.kind, event.is_end) == ("wiped", True)
        assert bystander.take(0.3) is None


def test_full_slots_refuse_until_somebody_leaves(streams: Streams) -> None:
    waiters = [streams.admit() for _ in range(3)]
    with pytest.raises(TooManyWaiters) as refusal:
        streams.admit()
    assert refusal.value.retry_after_seconds
    waiters[0].close()
    waiters[0].close()
    streams.admit()
    with pytest.raises(TooManyWaiters):
        streams.admit()


def test_slow_waiter_is_cut_after_what_its_queue_holds(store: JobStore, streams: Streams) -> None:
    job_id = submit(store)
    with streams.admit() as slow:
        slow.join(job_id)
        pipeline = store.redis.pipeline(transaction=False)
        for version in range(2, QUEUE_EVENTS + 100):
            pipeline.xadd(
                f"{store.namespace}:events:{job_id}",
                {"type": "painting", "version": version, "at": 1, "data": ""},
            )
        pipeline.execute()
        wait_for(lambda: slow.is_cut)
        versions = []
        while event := slow.take(1.0):
            versions.append(event.version)
        assert versions == list(range(2, QUEUE_EVENTS + 2))


def test_stop_wakes_everybody_at_once(store: JobStore, streams: Streams) -> None:
    job_id, stopping = submit(store), threading.Event()
    streams.stop_when(stopping.is_set)
    with streams.admit() as waiter:
        waiter.join(job_id)
        stopping.set()
        assert waiter.take(PATIENCE_SECONDS) is None
        assert waiter.is_cut
        with streams.admit() as late:
            late.join(job_id)
            assert late.take(PATIENCE_SECONDS) is None
            assert late.is_cut


@pytest.mark.slow
def test_reader_goes_on_where_it_was_after_an_outage(private_broker: EmbeddedBroker) -> None:
    store = connect(private_broker.url)
    streams = Streams(lambda: store, 3)
    job_id = submit(store)
    claim(store)
    with streams.admit() as waiter:
        waiter.join(job_id)
        store.claims.report_progress(job_id, "c1", 1, PROGRESS)
        assert waiter.take(PATIENCE_SECONDS) is not None
        private_broker.kill()
        time.sleep(0.2)
        private_broker.start()
        store.claims.report_progress(
            job_id, "c1", 2, Progress(stage="paint", step=2, steps=2, fraction=1)
        )
        succeed(store, job_id)
        assert [event.version for event in _drain(waiter)] == [4, 5]
    store.redis.close()
