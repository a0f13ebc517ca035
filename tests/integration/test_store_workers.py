"""Who is there, a broker that refuses, and a broker of a cluster."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from service.contract.errors import BrokerUnavailable
from service.contract.names import CPU_QUEUE, gpu_queue
from service.local.broker import find_server_binary
from service.store import SCRIPTS, JobStore, connect
from tests.support.keys import make_key
from tests.support.patience import wait_for
from tests.support.records import (
    MASK,
    Clock,
    claim,
    claim_all,
    end,
    keep,
    load,
    make_spec,
    make_upload,
    submit,
    submit_many,
    succeed,
    take,
)
from tests.support.snapshots import check_rules, take_snapshot


def _announce(store: JobStore, name: str, queue: str = CPU_QUEUE, state: str = "idle") -> None:
    store.presence.announce(
        name,
        queue,
        methods=[("inpaint", "patch"), ("outpaint", "mirror")],
        models=["m"],
        state=state,
    )


def test_workers_tells_who_is_there(store: JobStore, clock: Clock) -> None:
    _announce(store, "w1", state="starting")
    _announce(store, 'w"2', gpu_queue("g"), "busy")
    store.presence.announce("w0", CPU_QUEUE, methods=[], models=[], state="starting")
    found = {worker.name: worker for worker in store.presence.load_workers()}
    assert set(found) == {"w0", "w1", 'w"2'}
    assert found["w1"].methods == [("inpaint", "patch"), ("outpaint", "mirror")]
    assert (found["w0"].methods, found["w0"].models) == ([], [])
    assert (found['w"2'].queue, found['w"2'].state) == (gpu_queue("g"), "busy")
    assert abs(found["w1"].seen_at.timestamp() * 1000 - clock.now_ms()) < 2000


def test_workers_forgets_one_that_left(store: JobStore) -> None:
    _announce(store, "w1")
    store.presence.leave("w1", CPU_QUEUE)
    store.presence.leave("w1", CPU_QUEUE)
    assert store.presence.load_workers() == []
    assert load(store, submit(store)).warnings


def test_workers_forgets_one_that_is_silent_for_three_leases(broker_url: str) -> None:
    store = connect(broker_url, lease_seconds=0.02)
    _announce(store, "w1")
    assert store.presence.load_workers()
    threading.Event().wait(0.2)
    assert store.presence.load_workers() == []
    assert load(store, submit(store)).warnings
    _announce(store, "w2")
    assert take_snapshot(store.redis, store.namespace).members("workers", CPU_QUEUE) == {"w2"}
    store.redis.close()


def test_calls_say_unavailable_when_the_broker_is_away() -> None:
    store = connect("unix:///no/such/broker.sock")
    for call in (
        store.check_ready,
        store.presence.load_workers,
        store.reaper.reap,
        store.wipes.take,
        lambda: store.claims.renew([]),
        lambda: claim(store),
        lambda: store.jobs.load("x", "default"),
    ):
        with pytest.raises(BrokerUnavailable) as caught:
            call()
        assert caught.value.retry_after_seconds


@pytest.mark.slow
def test_store_works_on_after_the_broker_forgot_its_scripts(store: JobStore) -> None:
    job_id = submit(store)
    store.redis.script_flush()
    assert claim(store) == [job_id]


def test_calls_say_unavailable_when_the_broker_is_full(broker_url: str, store: JobStore) -> None:
    store.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(BrokerUnavailable):
            submit(store)
    finally:
        store.redis.config_set("maxmemory", 0)
    submit(store)


def test_namespaces_do_not_meet(broker_url: str, store: JobStore) -> None:
    other = connect(broker_url, namespace="{elsewhere}")
    job_id = submit(store)
    assert claim(other) == []
    assert claim(store) == [job_id]
    assert take_snapshot(other.redis, "{elsewhere}").kept == set()
    other.redis.close()


# A cluster ----------------------------------------------------------------------------------------


@pytest.fixture
def cluster_url(tmp_path: Path) -> Iterator[str]:
    """URL of a broker in cluster mode that holds every slot."""
    port = 20_000 + os.getpid() % 10_000
    argv = [str(find_server_binary()), "--port", str(port), "--bind", "127.0.0.1"]
    argv += ["--cluster-enabled", "yes", "--dir", str(tmp_path), "--save", ""]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    try:
        wait_for(lambda: _answers(client))
        _ask(client, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: b"cluster_state:ok" in _ask(client, "CLUSTER", "INFO"))
        yield f"redis://127.0.0.1:{port}"
    finally:
        client.close()
        server.terminate()
        server.wait()


def _ask(client: redis.Redis, *command: str | int) -> Any:
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _run_batch_and_webhooks(store: JobStore) -> None:
    """Run the scripts that a batch with a webhook needs, and those of its delivery."""
    store.signing_keys.add("default", "k1", "whsec_AA")
    begun = store.batches.begin(
        "batch_A", "default", total=1, ttl_seconds=60, webhook_url="https://example.org/hook"
    )
    store.batches.close(begun.batch_id, problems=["{}"], runs=[(0, 0, 0)])
    assert store.batches.load(begun.batch_id, "default")[0].state == "ended"
    [taken] = take(store)
    end(store, taken)
    store.webhooks.redeliver(begun.batch_id, "default", redelivery_id="r1")
    store.batches.mute(begun.batch_id, "default")
    store.batches.forget(begun.batch_id, "default")


@pytest.mark.slow
def test_every_script_runs_in_a_cluster(cluster_url: str) -> None:
    store = connect(cluster_url)
    clock = Clock(store)
    ids = submit_many(store, 3, call_key="b")
    assert claim(store, max_jobs=2) == ids[:2]
    store.claims.report_started(ids[0], "c1", 1)
    store.claims.report_mask(ids[0], "c1", 2, MASK, "p")
    assert store.claims.renew([(ids[0], "c1"), (ids[1], "c1")]) == ["ok", "ok"]
    assert succeed(store, ids[0]) == "succeeded"
    assert store.claims.release(ids[1], "c1", "drained") == "queued"
    store.jobs.cancel(ids[1], "default")
    assert len(store.jobs.load_page("default").jobs) == 3
    assert store.queues.load_state(CPU_QUEUE).waiting == 1
    assert claim_all(store) == [[ids[2]]]
    store.jobs.delete(ids[2], "default")
    clock.expire(ids[0])
    clock.reaped(1)
    assert store.reaper.reap().expired == 1
    assert len(store.wipes.take()) == 2
    _announce(store, "w1")
    assert len(store.presence.load_workers()) == 1
    store.jobs.begin_upload(make_spec().job_id)
    assert store.keys.revoke(make_key(store).split("_")[1])
    _run_batch_and_webhooks(store)
    assert keep(store, make_upload()) == store.holdings.load("default")
    store.uploads.drop("upl_A", "default")
    _read_figures(store)
    check_rules(take_snapshot(store.redis, store.namespace))
    assert len(store.redis.script_exists(*_digests(store))) == len(SCRIPTS)
    assert all(store.redis.script_exists(*_digests(store)))
    store.redis.close()


def _read_figures(store: JobStore) -> None:
    assert store.usage.load("default", 1)
    store.batches.load_page("default", limit=1)
    assert store.gauges.load()


def _digests(store: JobStore) -> list[str]:
    return [script.sha for script in store.scripts.registered.values()]
