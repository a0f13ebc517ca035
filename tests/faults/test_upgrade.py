"""Two releases side by side: each reads what the other wrote, or leaves it to the other.

The rules are those of docs/adr/0034-two-releases.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.contract.jobs import SCHEMA, JobStatus
from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE
from service.store.wakeups import Wakeups
from tests.support.http import build_app
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

RECORDED = Path(__file__).parents[1] / "support" / "records_of_schema_5.json"


def _load_recorded() -> list[dict[str, str]]:
    """Return records as a release with schema 5 left them: an inpainting and an outpainting."""
    records: list[dict[str, str]] = json.loads(RECORDED.read_text())["records"]
    return records


def _key(job_id: str) -> str:
    return f"{DEFAULT_NAMESPACE}:job:{job_id}"


def _rewrite(stack: Stack, job_id: str, schema: int, spec: dict[str, Any]) -> None:
    """Put another release's spec in the place of a waiting job's."""
    fields: dict[Any, Any] = {"schema": schema, "spec": json.dumps(spec)}
    stack.store.redis.hset(_key(job_id), mapping=fields)


def _read_spec(stack: Stack, job_id: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(stack.store.redis.hget(_key(job_id), "spec"))  # type: ignore[arg-type]
    return spec


def _add_unknown(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec with fields that a later release may add, at every depth."""
    return {
        **spec,
        "tomorrow": {"any": 1},
        "params": {**spec["params"], "tomorrow": "x"},
        "image": {**spec["image"], "tomorrow": None},
    }


def _notify(stack: Stack) -> None:
    Wakeups(stack.store.redis, DEFAULT_NAMESPACE).notify(CPU_QUEUE)


def test_worker_paints_what_the_release_before_accepted(stack: Stack) -> None:
    job_id = stack.submit(notify=False)
    ours = _read_spec(stack, job_id)
    recorded = json.loads(_load_recorded()[0]["spec"])
    pictures = {name: ours[name] for name in ("job_id", "image", "mask", "mask_asked")}
    _rewrite(stack, job_id, 5, {**recorded, **pictures})
    stack.start_worker()
    record = stack.wait_ended(job_id)
    assert (record.status, record.attempt) == (JobStatus.SUCCEEDED, 1), stack.logs()
    assert record.spec.schema_number == 5


def test_worker_paints_a_job_with_fields_that_it_does_not_know(stack: Stack) -> None:
    job_id = stack.submit(notify=False)
    _rewrite(stack, job_id, SCHEMA, _add_unknown(_read_spec(stack, job_id)))
    stack.start_worker()
    record = stack.wait_ended(job_id)
    assert (record.status, record.attempt) == (JobStatus.SUCCEEDED, 1), stack.logs()


def test_job_of_the_next_schema_waits_for_a_worker_of_the_next_release(
    stack: Stack, tmp_path: Path
) -> None:
    api = build_app(stack.broker_url, tmp_path).test_client()
    newer = stack.submit(notify=False)
    _rewrite(stack, newer, SCHEMA + 1, _add_unknown(_read_spec(stack, newer)))
    stack.start_worker()
    _notify(stack)
    # It goes on with what it knows, and leaves alone what it does not.
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    waiting = stack.record(newer)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    shown = api.get(f"/jobs/{newer}")
    assert (shown.status_code, shown.get_json()["status"]) == (200, "queued")
    stack.start("tests.support.next_release")
    record = stack.wait_ended(newer)
    assert (record.status, record.attempt, record.crashes) == (JobStatus.SUCCEEDED, 1, 0)
    assert api.get(f"/jobs/{newer}").get_json()["status"] == "succeeded"


def test_api_shows_the_ended_jobs_of_the_release_before(stack: Stack, tmp_path: Path) -> None:
    api = build_app(stack.broker_url, tmp_path).test_client()
    for recorded in _load_recorded():
        job_id = json.loads(recorded["spec"])["job_id"]
        fields: dict[Any, Any] = dict(recorded)
        stack.store.redis.hset(_key(job_id), mapping=fields)
        shown = api.get(f"/jobs/{job_id}")
        assert (shown.status_code, shown.get_json()["status"]) == (200, "succeeded")
        assert shown.get_json()["outputs"][0]["proof"]["kept_pixels_changed"] == 0


def test_api_that_cannot_read_a_later_job_says_so_and_the_job_is_kept(
    stack: Stack, tmp_path: Path
) -> None:
    api = build_app(stack.broker_url, tmp_path).test_client()
    job_id = stack.submit(notify=False)
    before = _read_spec(stack, job_id)
    _rewrite(stack, job_id, SCHEMA + 1, {**before, "operation": "restyle"})
    refused = api.get(f"/jobs/{job_id}")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "job_too_new")
    assert api.get("/jobs").status_code == 200
    _rewrite(stack, job_id, SCHEMA, before)
    stack.start_worker()
    assert stack.wait_ended(job_id).status is JobStatus.SUCCEEDED
