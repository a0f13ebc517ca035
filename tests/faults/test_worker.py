"""A worker and its horse under kills, hangs, signals and a broken broker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest

from service.contract.jobs import JobStatus
from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, output_path, rq_list
from service.local.broker import EmbeddedBroker
from service.store.wakeups import Wakeups
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.stack import Stack, find_horse

pytestmark = pytest.mark.slow

FOR_EVER = "600"
"""Seconds of a grace that no test waits for."""


def test_worker_paints_and_proves(stack: Stack) -> None:
    stack.start_worker()
    record = stack.wait_ended(stack.submit())
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert record.outputs[0].proof.kept_pixels_changed == 0
    assert record.mask_effective is not None
    assert record.mask_effective.components == 1
    assert record.attempts[0].outcome == "succeeded"
    stack.blobs.get_checked(record.outputs[0].path, record.outputs[0].sha256)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("zoo:raise", "internal"),
        ("zoo:memory", "out_of_memory"),
        ("zoo:wrong_size", "model_output_invalid"),
        ("zoo:wrong_type", "model_output_invalid"),
    ],
)
def test_worker_fails_the_job_when_the_engine_misbehaves(stack: Stack, tag: str, code: str) -> None:
    worker = stack.start_worker()
    horse = find_horse(worker.pid)
    record = stack.wait_ended(stack.submit(tag))
    assert record.error is not None
    assert record.error.code == code
    assert "zoo was told" not in record.error.detail
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    assert find_horse(worker.pid) == horse


def test_killed_horse_is_replaced_and_its_job_painted_again(stack: Stack) -> None:
    worker = stack.start_worker()
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    os.kill(find_horse(worker.pid), signal.SIGKILL)
    stack.release()
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED
    assert record.crashes == 1
    assert [attempt.outcome for attempt in record.attempts] == ["crashed", "succeeded"]


def test_horse_whose_device_is_lost_dies_and_another_paints_its_job(stack: Stack) -> None:
    worker = stack.start_worker()
    horse = find_horse(worker.pid)
    record = stack.wait_ended(stack.submit("zoo:lose_device_once:lost"))
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert record.crashes == 1
    assert [attempt.outcome for attempt in record.attempts] == ["crashed", "succeeded"]
    assert find_horse(worker.pid) != horse
    deaths = [line for line in stack.logs(most=1_000_000).splitlines() if "horse_died" in line]
    assert [json.loads(line)["exit_code"] for line in deaths] == [3]


def test_poison_job_fails_after_three_crashes_and_the_worker_lives(stack: Stack) -> None:
    worker = stack.start_worker()
    record = stack.wait_ended(stack.submit("zoo:kill"))
    assert record.error is not None
    assert record.error.code == "worker_lost"
    assert record.attempt == 3
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    assert worker.poll() is None


@pytest.mark.usefixtures("short_lease")
def test_killed_worker_is_outlived_by_its_job(stack: Stack) -> None:
    workers = [stack.start_worker(), stack.start_worker()]
    job_id = stack.submit("zoo:until:released")
    name = stack.wait_painting(job_id).worker
    first = next(worker for worker in workers if str(name).endswith(f"-{worker.pid}"))
    horse = find_horse(first.pid)
    first.kill()
    first.wait()
    stack.release()
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED
    assert record.attempt >= 2
    wait_for(lambda: not Path(f"/proc/{horse}").exists())


def test_hung_horse_is_killed_and_its_job_fails_as_hung(stack: Stack) -> None:
    stack.start_worker(step_hang_seconds="0.4")
    record = stack.wait_ended(stack.submit("zoo:hang:30"))
    assert record.error is not None
    assert record.error.code == "hung"
    assert [attempt.outcome for attempt in record.attempts] == ["hung"] * 3
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED


def test_load_in_a_job_is_told_and_has_a_hang_limit_of_its_own(stack: Stack) -> None:
    stack.start_worker(
        engines="tests.support.engines:build_slow_loaders",
        model_memory_bytes="1",
        step_hang_seconds="0.5",
    )
    job_id = stack.submit(method="generate", model="slow")
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert (record.attempt, record.crashes) == (1, 0)
    assert record.timings is not None
    assert record.timings.load_seconds is not None
    assert record.timings.load_seconds >= 1
    told = [json.loads(e["data"]) for e in stack.events(job_id) if e["type"] == "progress"]
    assert told[0]["stage"] == "load"
    wait_for(
        lambda: [w.models for w in stack.store.presence.load_workers()] == [["slow"]], stack.logs
    )


def test_worker_claims_first_for_the_model_that_it_has_loaded(stack: Stack) -> None:
    stack.start_worker(engines="tests.support.engines:build_slow_loaders", model_memory_bytes="1")
    first = stack.submit("zoo:until:released", method="generate", model="slow", tenant="a")
    stack.wait_painting(first, tenant="a")
    cold = stack.submit(method="generate", model="quick", tenant="b")
    warm = stack.submit(method="generate", model="slow", tenant="c")
    stack.release()
    stack.wait_ended(warm, tenant="c")
    ended = {"b": stack.wait_ended(cold, tenant="b"), "c": stack.record(warm, "c")}
    assert {record.status for record in ended.values()} == {JobStatus.SUCCEEDED}, stack.logs()
    assert ended["c"].started_at < ended["b"].started_at  # type: ignore[operator]


def test_running_job_is_canceled_between_two_steps(stack: Stack) -> None:
    worker = stack.start_worker(abort_grace_seconds=FOR_EVER)
    horse = find_horse(worker.pid)
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    stack.store.jobs.cancel(job_id, "default")
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.CANCELED
    assert record.outputs == []
    # The engine looked between two steps, so its horse stays warm.
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    assert find_horse(worker.pid) == horse


def test_canceled_job_that_does_not_listen_costs_its_horse(stack: Stack) -> None:
    worker = stack.start_worker(abort_grace_seconds="0.2")
    horse = find_horse(worker.pid)
    job_id = stack.submit("zoo:hang:30")
    stack.wait_painting(job_id)
    stack.store.jobs.cancel(job_id, "default")
    assert stack.wait_ended(job_id).status is JobStatus.CANCELED
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    assert find_horse(worker.pid) != horse


def test_horses_killed_for_canceled_jobs_do_not_make_the_worker_give_up(stack: Stack) -> None:
    worker = stack.start_worker(abort_grace_seconds="0.1")
    for _ in range(4):
        job_id = stack.submit("zoo:hang:30")
        stack.wait_painting(job_id)
        stack.store.jobs.cancel(job_id, "default")
        assert stack.wait_ended(job_id).status is JobStatus.CANCELED
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    assert worker.poll() is None


@pytest.mark.usefixtures("short_lease")
def test_deleted_job_stops_and_leaves_no_blob(stack: Stack) -> None:
    stack.start_worker()
    stack.start("service.courier", courier_interval_seconds="0.2")
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    stack.store.jobs.delete(job_id, "default")
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    wait_for(lambda: not stack.blobs.list(f"jobs/{job_id}/"), stack.logs)
    assert not stack.store.redis.keys(f"*{job_id}*") or stack.store.redis.keys(f"*{job_id}*") == [
        f"{DEFAULT_NAMESPACE}:tombstone:{job_id}".encode()
    ]


def test_finish_deadline_stops_a_running_job(stack: Stack) -> None:
    stack.start_worker()
    job_id = stack.submit("zoo:until:released", params={"finish_within_seconds": 1})
    record = stack.wait_ended(job_id)
    assert record.error is not None
    assert record.error.code == "deadline_exceeded"


def test_idle_worker_exits_on_sigterm(stack: Stack) -> None:
    worker = stack.start_worker()
    worker.terminate()
    assert worker.wait(PATIENCE_SECONDS) == 0, stack.logs()
    assert stack.store.presence.load_workers() == []


def test_worker_exits_on_sigterm_when_the_broker_is_gone(
    stack: Stack, private_broker: EmbeddedBroker
) -> None:
    worker = stack.start_worker()
    horse = find_horse(worker.pid)
    private_broker.kill()
    # Long enough for it to wait for the broker: it says nothing of that.
    time.sleep(0.5)
    worker.terminate()
    assert worker.wait(PATIENCE_SECONDS) == 0, stack.logs()
    assert not Path(f"/proc/{horse}").exists()


def test_sigterm_lets_the_job_finish_within_the_grace(stack: Stack) -> None:
    worker = stack.start_worker(drain_seconds=FOR_EVER)
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    worker.terminate()
    stack.release()
    assert worker.wait(PATIENCE_SECONDS) == 0
    record = stack.record(job_id)
    assert record.status is JobStatus.SUCCEEDED
    assert record.attempt == 1


@pytest.mark.parametrize("is_repeated", [False, True])
def test_sigterm_hands_back_what_does_not_fit(stack: Stack, is_repeated: bool) -> None:
    worker = stack.start_worker(drain_seconds=FOR_EVER if is_repeated else "0.3")
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    worker.terminate()
    while is_repeated and worker.poll() is None:
        # Not at once: signals that nobody has seen yet are one.
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(1)
        worker.terminate()
    assert worker.wait(PATIENCE_SECONDS) == 0
    record = stack.record(job_id)
    assert record.status is JobStatus.QUEUED
    assert record.crashes == 0
    stack.release()
    stack.start_worker()
    assert stack.wait_ended(job_id).status is JobStatus.SUCCEEDED


def test_sigterm_storm_loses_no_job(stack: Stack) -> None:
    stack.start("service.courier", courier_interval_seconds="0.2")
    job_ids = [stack.submit("zoo:slow:1:0.02") for _ in range(60)]
    for _ in range(5):
        worker = stack.start_worker()
        time.sleep(0.15)
        worker.terminate()
        assert worker.wait(PATIENCE_SECONDS) == 0, stack.logs()
    stack.start_worker()
    records = [stack.wait_ended(job_id) for job_id in job_ids]
    assert {record.status for record in records} == {JobStatus.SUCCEEDED}
    assert all(record.crashes == 0 for record in records)


def test_deleted_rq_list_is_filled_again(stack: Stack) -> None:
    job_ids = [stack.submit(notify=False) for _ in range(5)]
    stack.store.redis.delete(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE))
    stack.start_worker()
    for job_id in job_ids:
        assert stack.wait_ended(job_id).status is JobStatus.SUCCEEDED


def test_forged_wakeup_is_never_called(stack: Stack, tmp_path: Path) -> None:
    from rq import Queue

    proof = tmp_path / "forged"
    queue = Queue(CPU_QUEUE, connection=stack.store.redis, serializer="json")
    queue.enqueue("os.mkdir", str(proof))
    stack.start_worker()
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    wait_for(lambda: not stack.store.redis.llen(queue.key))
    assert not proof.exists()


@pytest.mark.usefixtures("short_lease")
def test_worker_survives_a_broker_that_crashes_and_returns(
    stack: Stack, private_broker: EmbeddedBroker
) -> None:
    stack.start_worker()
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    # The outage outlasts the lease; still nothing is reaped before the worker could renew. What the
    # broker wrote is younger than its last sync, which only a loss of power would take away.
    private_broker.kill()
    time.sleep(1.2 * stack.lease_seconds)
    private_broker.start()
    stack.release()
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED
    assert record.attempt == 1
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED


@pytest.mark.usefixtures("short_lease")
def test_stopped_worker_that_wakes_up_late_commits_nothing(stack: Stack) -> None:
    first = stack.start_worker()
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    horse = find_horse(first.pid)
    os.kill(first.pid, signal.SIGSTOP)
    os.kill(horse, signal.SIGSTOP)
    stack.start_worker()
    wait_for(lambda: stack.record(job_id).attempt == 2, stack.logs)
    stack.release()
    os.kill(horse, signal.SIGCONT)
    os.kill(first.pid, signal.SIGCONT)
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED
    assert record.attempt == 2
    assert record.token is not None
    assert record.outputs[0].path == output_path(job_id, record.token, 0, "png")
    # What the late one wrote is taken away again; what was committed stays.
    wait_for(lambda: _claims_with_blobs(stack, job_id) == {record.token}, stack.logs)


def test_worker_gives_up_when_no_horse_lives(stack: Stack) -> None:
    worker = stack.start("worker", engines="tests.support.engines:build_deaths")
    assert worker.wait(PATIENCE_SECONDS) == 3, stack.logs()
    assert [presence.state for presence in stack.store.presence.load_workers()] == ["broken"]


def test_progress_only_grows_and_every_event_is_told_once(stack: Stack) -> None:
    stack.start_worker()
    job_id = stack.submit("zoo:slow:10:0.1")
    record = stack.wait_ended(job_id)
    events = stack.events(job_id)
    assert [int(event["version"]) for event in events] == list(range(1, record.version + 1))
    told = [json.loads(event["data"]) for event in events if event["type"] == "progress"]
    assert len(told) >= 4
    fractions = [progress["fraction"] for progress in told]
    assert all(earlier <= later for earlier, later in pairwise(fractions))


def test_wakeup_without_a_job_does_nothing(stack: Stack) -> None:
    stack.start_worker()
    Wakeups(stack.store.redis, DEFAULT_NAMESPACE).notify(CPU_QUEUE, 3)
    wait_for(lambda: not stack.store.redis.llen(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)))
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED


def _claims_with_blobs(stack: Stack, job_id: str) -> set[str]:
    return {path.split("/")[2] for path in stack.blobs.list(f"jobs/{job_id}/")} - {"input"}


def test_store_that_is_away_for_a_while_costs_no_job(stack: Stack) -> None:
    stack.start_worker()
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    blobs = stack.directory / "blobs"
    blobs.rename(stack.directory / "away")
    blobs.write_text("no folder")
    stack.release()
    wait_for(lambda: "store_silent" in stack.logs(), stack.logs)
    assert stack.record(job_id).status is JobStatus.RUNNING
    blobs.unlink()
    (stack.directory / "away").rename(blobs)
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED
    assert record.attempt == 1
