"""A view of a job: read late, and told apart by a digest."""

from __future__ import annotations

from service.contract.jobs import JobStatus
from service.store import JobStore, JobView, connect
from service.store.views import parse_view
from tests.support.records import load, submit


def _told(store: JobStore, job_id: str, place: int = 0, wait_ms: int = -1) -> list[object]:
    flat = [
        part
        for pair in store.redis.hgetall(f"{store.namespace}:job:{job_id}").items()
        for part in pair
    ]
    return [flat, place, wait_ms, 1500]


def test_view_reads_what_the_record_says(broker_url: str) -> None:
    store = connect(broker_url)
    job_id = submit(store)
    view = parse_view(_told(store, job_id, wait_ms=2500))
    assert (view.status, view.painting_at) == (JobStatus.QUEUED, None)
    assert view.record == load(store, job_id)
    assert (view.position, view.eta_seconds, view.takes_seconds) == (0, 2.5, 1.5)
    plain = JobView(view.record, view.position)
    assert (plain.status, plain.painting_at) == (view.status, view.painting_at)
    store.redis.close()


def test_digest_changes_with_record_place_and_wait_only(broker_url: str) -> None:
    store = connect(broker_url)
    job_id = submit(store)
    told = _told(store, job_id)
    first = parse_view(told).digest()
    assert parse_view(told).digest() == first
    assert parse_view([told[0], 0, -1, 9]).digest() == first
    assert parse_view(_told(store, job_id, place=1)).digest() != first
    assert parse_view(_told(store, job_id, wait_ms=5)).digest() != first
    store.jobs.cancel(job_id, "default")
    assert parse_view(_told(store, job_id)).digest() != first
    store.redis.close()
