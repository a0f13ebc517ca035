"""A simulation of a fleet: jobs arrive, wait, are painted; workers start, are lost, are scaled."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import simpy

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Bursts:
    """Times of more arrivals: `factor` times the rate for `lasting_seconds`, every so often."""

    every_seconds: float
    lasting_seconds: float
    factor: float


@dataclass(frozen=True)
class Scaling:
    """KEDA, which looks at waiting and running jobs now and then, and sets the count of workers.

    Attributes:
        poll_seconds: KEDA's `pollingInterval`.
        jobs_of_worker: jobs, waiting or running, for each of which there is a worker.
        cooldown_seconds: the most workers that were wanted within it stay.
        least: workers that are always there.
        most: workers at most.
    """

    poll_seconds: float = 15.0
    jobs_of_worker: float = 2.0
    cooldown_seconds: float = 300.0
    least: int = 0
    most: int = 100


@dataclass(frozen=True)
class Plan:
    """One fleet and its work.

    Attributes:
        rate: jobs that arrive a second, by a Poisson process.
        service_seconds: mean time of a job at a worker.
        workers: how many there are from the start, loaded.
        jobs: how many arrive in total.
        service: how times of service spread; `lognormal` with a deviation of half the mean.
        boot_seconds: from the decision to start a worker to its process: node, image, pod.
        load_seconds: from there to its first job: kernels, models.
        losses_an_hour: losses of each worker that paints, as of spot machines; another one starts.
        lease_seconds: after which a lost worker's job is in the queue again.
        skipped: first jobs that the figures leave out: the queue was empty when they came.
    """

    rate: float
    service_seconds: float
    workers: int
    jobs: int
    service: Literal["exponential", "lognormal"] = "lognormal"
    boot_seconds: float = 0.0
    load_seconds: float = 0.0
    losses_an_hour: float = 0.0
    lease_seconds: float = 10.0
    bursts: Bursts | None = None
    scaling: Scaling | None = None
    skipped: int = 0
    seed: int = 1


@dataclass
class Outcome:
    """Figures of a run.

    Attributes:
        waits: seconds from arrival to the first claim, of each job.
        stays: seconds from arrival to the end.
        worker_seconds: time that workers existed, from the decision to start them.
        served_seconds: time that workers painted.
        arrived_seconds: time until the last job arrived.
        lost: claims that ended with their worker.
        seconds: how long it took.
        trace: (time, waiting, workers) now and then, where workers are scaled.
    """

    waits: list[float] = field(default_factory=list)
    stays: list[float] = field(default_factory=list)
    worker_seconds: float = 0.0
    served_seconds: float = 0.0
    arrived_seconds: float = 0.0
    lost: int = 0
    seconds: float = 0.0
    trace: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def mean_wait(self) -> float:
        """The mean of the waits."""
        return sum(self.waits) / len(self.waits)

    def find_wait(self, percent: float) -> float:
        """Return a percentile of the waits."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def cost_of_thousand(self, price_an_hour: float) -> float:
        """Return what a thousand pictures cost, at a price of a worker."""
        return self.worker_seconds / 3600 * price_an_hour / len(self.stays) * 1000


@dataclass
class _Job:
    arrived: float
    number: int
    started: float | None = None


class Fleet:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = Random(plan.seed)
        self._env = simpy.Environment()
        self._queue = simpy.Store(self._env)
        self._done = self._env.event()
        self._left = plan.jobs
        self._running = self._workers = 0
        self._leaving = 0
        self._wanted: deque[tuple[float, int]] = deque()
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Run until every job has ended; return the figures."""
        for _ in range(self._plan.workers):
            self._start(delay=0.0)
        self._env.process(self._arrive())
        if self._plan.scaling is not None:
            self._env.process(self._scale(self._plan.scaling))
        self._env.run(until=self._done)
        self.outcome.seconds = self._env.now
        # Those that are still there existed until now.
        self.outcome.worker_seconds += self._workers * self._env.now
        return self.outcome

    def _arrive(self) -> Steps:
        for number in range(self._plan.jobs):
            yield self._env.timeout(self._random.expovariate(self._find_rate()))
            yield self._queue.put(_Job(self._env.now, number))
        self.outcome.arrived_seconds = self._env.now

    def _find_rate(self) -> float:
        bursts = self._plan.bursts
        if bursts is None or self._env.now % bursts.every_seconds >= bursts.lasting_seconds:
            return self._plan.rate
        return self._plan.rate * bursts.factor

    def _start(self, delay: float) -> None:
        self._workers += 1
        # Counted by the times of all starts and ends.
        self.outcome.worker_seconds -= self._env.now
        self._env.process(self._work(delay))

    def _end(self) -> None:
        self._workers -= 1
        self.outcome.worker_seconds += self._env.now

    def _work(self, delay: float) -> Steps:
        yield self._env.timeout(delay)
        while True:
            job = yield self._queue.get()
            if job is None:
                self._leaving -= 1
                self._end()
                return
            survived = yield from self._paint(job)
            if not survived:
                self._end()
                if self._plan.scaling is None:
                    self._start(self._plan.boot_seconds + self._plan.load_seconds)
                return

    def _paint(self, job: _Job) -> Generator[simpy.Event, Any, bool]:
        """Paint a job; return whether the worker is still there."""
        if job.started is None:
            job.started = self._env.now
            if job.number >= self._plan.skipped:
                self.outcome.waits.append(self._env.now - job.arrived)
        self._running += 1
        seconds, lost_after = self._draw_service(), self._draw_loss()
        yield self._env.timeout(min(seconds, lost_after))
        self.outcome.served_seconds += min(seconds, lost_after)
        self._running -= 1
        if lost_after < seconds:
            self.outcome.lost += 1
            self._env.process(self._requeue(job))
            return False
        self.outcome.stays.append(self._env.now - job.arrived)
        self._left -= 1
        if self._left == 0:
            self._done.succeed()
        return True

    def _requeue(self, job: _Job) -> Steps:
        yield self._env.timeout(self._plan.lease_seconds)
        # A job that was claimed before is among the oldest of its tenant.
        self._queue.items.insert(0, job)
        self._queue._trigger_get(None)

    def _draw_service(self) -> float:
        mean = self._plan.service_seconds
        if self._plan.service == "exponential":
            return self._random.expovariate(1 / mean)
        spread = math.sqrt(math.log(1.25))
        return self._random.lognormvariate(math.log(mean) - spread**2 / 2, spread)

    def _draw_loss(self) -> float:
        hourly = self._plan.losses_an_hour
        return self._random.expovariate(hourly / 3600) if hourly else math.inf

    def _scale(self, scaling: Scaling) -> Steps:
        """Set the count of workers now and then, as KEDA and the autoscaler behind it do."""
        while True:
            yield self._env.timeout(scaling.poll_seconds)
            waiting = sum(1 for job in self._queue.items if job is not None)
            wanted = math.ceil((waiting + self._running) / scaling.jobs_of_worker)
            wanted = min(scaling.most, max(scaling.least, wanted))
            self.outcome.trace.append((self._env.now, waiting, self._workers))
            self._wanted.append((self._env.now, wanted))
            while self._wanted[0][0] < self._env.now - scaling.cooldown_seconds:
                self._wanted.popleft()
            # As the autoscaler does: the most that was wanted in the time before.
            count = max(count for _, count in self._wanted) - self._workers + self._leaving
            for _ in range(count):
                self._start(self._plan.boot_seconds + self._plan.load_seconds)
            # An idle worker takes the next entry; one that paints ends its job first.
            for _ in range(-count):
                self._leaving += 1
                yield self._queue.put(None)
