"""Ten thousand webhooks to a receiver that fails, a tenant that hangs, a courier that is killed.

Run from the repository's root: `python -m benchmarks.webhooks [JOBS]`. Everything is real and on
this machine: a broker of its own, courier processes, two receivers over HTTP. Each job tells two
events, so that there is an order to keep. It ends with an error if a promise was broken.

- Receiver `a` answers 500 to 30 % of what comes. While it is told, the courier is killed 20 times
  (SIGKILL) and started again.
- Receiver `b`, of another tenant, answers at once; meanwhile receiver `c`, of a third tenant, takes
  connections and says nothing. Measured is how late `b` is told, without `c` and with it.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from service.contract.names import CPU_QUEUE
from service.store import JobStore, connect, draw_secret
from tests.support.broker import running_broker
from tests.support.patience import wait_for
from tests.support.receiver import Received, Receiver, running_receiver
from tests.support.records import make_told_spec, submit, succeed
from tests.support.stack import Stack, running_stack

EVENTS = ("job.running", "job.succeeded")
FAILS = 0.3
KILLS = 20
PROBES = 100
SECRET = draw_secret()
# The first wait is short: at 30 % failures one of ten thousand webhooks fails eight times in a row,
# and the waits grow threefold.
SETTINGS = {
    "PAINTJOB_WEBHOOK_ALLOW_HTTP": "true",
    "PAINTJOB_WEBHOOK_ALLOW_PRIVATE": "true",
    "PAINTJOB_WEBHOOK_RETRY_SECONDS": "0.02",
    "PAINTJOB_WEBHOOK_TIMEOUT_SECONDS": "2",
}


def main(jobs: int) -> None:
    """Measure and print."""
    with running_broker() as broker, tempfile.TemporaryDirectory() as directory:
        store = connect(broker.url, socket_timeout=10)
        for tenant in ("a", "b", "c"):
            store.signing_keys.add(tenant, f"whk_{tenant}", SECRET)
        with running_stack(broker.url, Path(directory), environ=SETTINGS) as stack:
            measure_failing(store, stack, jobs)
            measure_hanging(store, stack)
        store.redis.close()


def measure_failing(store: JobStore, stack: Stack, jobs: int) -> None:
    """Tell a receiver that fails, by a courier that is killed; check every promise."""
    dice = random.Random(11)

    def answer(received: Received) -> int:
        # When it comes, as receivers do: a signature is good for five minutes.
        received.verify(SECRET)
        return 500 if dice.random() < FAILS else 200

    with running_receiver(answer) as receiver:
        ids = [finish_job(store, receiver.url(), "a") for _ in range(jobs)]
        wanted = jobs * len(EVENTS)
        started = time.monotonic()
        for kill in range(KILLS):
            courier = stack.start("service.courier")
            goal = wanted * (kill + 1) // (KILLS + 2)
            wait_for(lambda goal=goal: len(receiver.accepted) >= goal, seconds=120)  # type: ignore[misc]
            courier.kill()
            courier.wait()
        courier = stack.start("service.courier")
        told: set[str] = set()
        wait_for(lambda: all_delivered(store, ids, told), seconds=600)
        seconds = time.monotonic() - started
        courier.terminate()
        courier.wait()
    check_promises(receiver, ids)
    again = len(receiver.accepted) - wanted
    tries = Counter(received.webhook_id for received in receiver.received)
    print(f"{wanted} webhooks of {jobs} jobs, {FAILS:.0%} refused, courier killed {KILLS} times:")
    print(f"  delivered {wanted}, none dead, in {seconds:.0f} s: {wanted / seconds:.0f} a second")
    print(f"  {len(receiver.received)} tries, at most {max(tries.values())} for one webhook")
    print(f"  {again} accepted once more after a kill, under the same id and with the same body")


def measure_hanging(store: JobStore, stack: Stack) -> None:
    """Tell a good receiver alone, and while another tenant's hangs."""
    stop = threading.Event()
    stack.start("service.courier")
    with (
        running_receiver() as good,
        running_receiver(lambda _: stop.wait(60) and 200) as hanging,
    ):
        # A courier takes seconds to start.
        measure_delays(store, good)
        alone = measure_delays(store, good)
        for _ in range(500):
            finish_job(store, hanging.url(), "c")
        wait_for(lambda: len(hanging.received) > 1, seconds=10)
        beside = measure_delays(store, good)
        held = len(hanging.received)
        stop.set()
    print(f"{PROBES} jobs of one tenant, from their end to the webhook, in seconds:")
    for name, delays in (("alone", alone), ("beside 500 jobs of a tenant that hangs", beside)):
        worst = max(delays)
        print(f"  {name:<40} median {statistics.median(delays):.3f}, worst {worst:.3f}")
    print(f"  (the one that hangs was tried {held} times meanwhile)")


def measure_delays(store: JobStore, receiver: Receiver) -> list[float]:
    """End jobs one by one; gives how long after its end each was told."""
    ended = {}
    for _ in range(PROBES):
        job_id = finish_job(store, receiver.url(), "b")
        ended[job_id] = time.monotonic()
        time.sleep(0.02)
    wait_for(lambda: ended.keys() <= {r.job["id"] for r in ends(receiver)}, seconds=60)
    return [r.at - ended[r.job["id"]] for r in ends(receiver) if r.job["id"] in ended]


def ends(receiver: Receiver) -> list[Received]:
    """Return what told the end of a job."""
    return [r for r in list(receiver.accepted) if r.job["status"] == "succeeded"]


def finish_job(store: JobStore, url: str, tenant: str) -> str:
    """Submit a job and take it to its end."""
    spec = make_told_spec(EVENTS, tenant=tenant)
    params = spec.params.model_copy(update={"webhook_url": url})
    job_id = submit(store, spec.model_copy(update={"params": params}), ttl=86_400)
    token = f"c-{job_id}"
    store.claims.take(CPU_QUEUE, worker="benchmark", claim_id=token)
    if succeed(store, job_id, token) != "succeeded":
        raise RuntimeError("the job did not succeed")
    return job_id


def all_delivered(store: JobStore, ids: list[str], told: set[str]) -> bool:
    """Return whether every event is noted as delivered; looks at each job until it is."""
    for job_id in ids:
        if job_id not in told:
            states = [delivery.state for delivery in store.webhooks.load_deliveries(job_id)]
            if states != ["delivered"] * len(EVENTS):
                time.sleep(0.2)
                return False
            told.add(job_id)
    return True


def check_promises(receiver: Receiver, ids: list[str]) -> None:
    """Check that each event came, in order, and again only under its id and with its body."""
    by_job: defaultdict[str, list[Received]] = defaultdict(list)
    for received in receiver.accepted:
        by_job[received.job["id"]].append(received)
    if set(by_job) != set(ids):
        raise AssertionError("a job was not told of")
    for job_id, told in by_job.items():
        versions = [received.job["version"] for received in told]
        if versions != sorted(versions) or len(set(versions)) != len(EVENTS):
            raise AssertionError(f"out of order: {versions}")
        if [received.webhook_id for received in told] != [f"{job_id}-{v}" for v in versions]:
            raise AssertionError("one event under two ids")
        if len({received.body for received in told}) != len(EVENTS):
            raise AssertionError("one id with two bodies")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
