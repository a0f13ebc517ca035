"""The fleets that are simulated, with times that were measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.fleet.formulas import find_mean_wait
from benchmarks.fleet.simulation import Bursts, Fleet, Outcome, Plan, Scaling

PATCH_SECONDS = {"patch, 512 x 512": 0.16, "patch, 2048 x 2048": 0.33}
"""Processor time of a job at a worker with one core. Source: docs/benchmarks/job-cost.md."""

BROKER_JOB_SECONDS = 0.0013
"""Processor time of the broker for a job. Source: `python -m benchmarks.fleet.broker`."""

BROKER_WORKER_SECONDS = 0.00015
"""The same for a worker in a second: a pass of the reaper, a fifth of an announcement, renewals."""

BROKER_SHARE = 0.8
"""Share of one core of the broker up to which it answers without a queue of its own."""

KNOWN = ((1, 0.5, 3), (1, 0.7, 6), (4, 0.7, 8), (20, 0.8, 12), (100, 0.9, 20))
"""Servers, their utilization, and how many hundred thousand jobs make the mean steady enough."""

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Comparison:
    """A simulated mean wait beside that of the formula.

    Attributes:
        jobs: how many were simulated.
        deviation: of the simulated wait, as a share of the formula's.
    """

    servers: int
    used: float
    jobs: int
    simulated: float
    formula: float

    @property
    def deviation(self) -> float:
        """How far the simulated wait is off, as a share."""
        return self.simulated / self.formula - 1


def compare(servers: int, used: float, hundred_thousands: int) -> Comparison:
    """Simulate a queue whose mean wait is known.

    The formula gets the rate and the service time that were drawn: their own spread is not what
    is checked.
    """
    waits = counted = arrived = served = 0.0
    for seed in range(hundred_thousands):
        jobs = 100_000
        plan = Plan(
            rate=servers * used,
            service_seconds=1.0,
            workers=servers,
            jobs=jobs,
            service="exponential",
            skipped=2000,
            seed=seed,
        )
        outcome = Fleet(plan).run()
        waits += sum(outcome.waits)
        counted += len(outcome.waits)
        arrived += outcome.arrived_seconds
        served += outcome.served_seconds
    total = hundred_thousands * 100_000
    known = find_mean_wait(servers, total / arrived, served / total)
    return Comparison(servers, used, total, waits / counted, known)


def run_steady(workers: int, used: float, service_seconds: float) -> Outcome:
    """Simulate a fleet of a fixed size under a steady load."""
    jobs = min(60_000, 10_000 + 100 * workers)
    rate = workers * used / service_seconds
    return Fleet(Plan(rate, service_seconds, workers, jobs, skipped=jobs // 10)).run()


@dataclass(frozen=True)
class Accelerators:
    """A fleet with accelerators that is scaled with its work.

    Attributes:
        paint_seconds: of a picture; a parameter, measure it with your model.
        load_seconds: of the model.
        boot_seconds: node, image and pod.
    """

    paint_seconds: float = 6.0
    load_seconds: float = 45.0
    boot_seconds: float = 120.0

    def plan(self, least: int, poll_seconds: float, losses_an_hour: float = 0.0) -> Plan:
        """Return a day part of three hours: quiet, with a burst of ten minutes each hour."""
        scaling = Scaling(poll_seconds=poll_seconds, least=least, most=40, jobs_of_worker=4)
        return Plan(
            rate=0.1,
            service_seconds=self.paint_seconds,
            workers=least,
            jobs=3600,
            boot_seconds=self.boot_seconds,
            load_seconds=self.load_seconds,
            losses_an_hour=losses_an_hour,
            bursts=Bursts(every_seconds=3600, lasting_seconds=600, factor=20),
            scaling=scaling,
        )


def iter_scaled(fleet: Accelerators) -> Iterator[tuple[str, Outcome]]:
    """Yield scaled fleets: from none and from two, with KEDA asking often and seldom."""
    for least, poll in ((0, 30.0), (0, 15.0), (0, 5.0), (2, 15.0), (6, 15.0)):
        outcome = Fleet(fleet.plan(least, poll)).run()
        yield f"from {least} workers, polled every {poll:g} s", outcome


def iter_spot(fleet: Accelerators) -> Iterator[tuple[float, Outcome]]:
    """Yield fleets whose workers are lost so many times an hour."""
    for losses in (0.0, 0.05, 0.5, 2.0):
        yield losses, Fleet(fleet.plan(2, 15.0, losses)).run()


def find_broker_share(workers: int, service_seconds: float, used: float = 0.8) -> float:
    """Return the share of one core that a fleet takes of its broker."""
    jobs = workers * used / service_seconds
    return jobs * BROKER_JOB_SECONDS + workers * BROKER_WORKER_SECONDS


def find_most_workers(service_seconds: float, used: float = 0.8) -> int:
    """Return how many busy workers one broker carries."""
    return int(BROKER_SHARE / find_broker_share(1, service_seconds, used))
