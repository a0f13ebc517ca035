"""One soak: the deployment, its jobs and its faults together, and then the checks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from service.contract.names import DEFAULT_TENANT
from service.local.chaos.faults import Fault, Injector, draw_schedule
from service.local.chaos.fleet import Fleet, running_fleet
from service.local.chaos.invariants import (
    check_blobs_are_wiped,
    check_jobs,
    check_memory,
    check_nothing_is_left,
    check_webhooks,
)
from service.local.chaos.receiver import Receiver, running_receiver
from service.local.chaos.timeline import Timeline
from service.local.chaos.workload import Ended, Workload
from service.store import draw_secret

START_SECONDS = 120.0
END_SECONDS = 300.0
TICK_SECONDS = 0.05
SAMPLE_SECONDS = 0.5
WARM_SUBMISSIONS = 20
"""Jobs that every parent has run before its memory is first measured."""


@dataclass(frozen=True)
class SoakOptions:
    """Options of a soak.

    Attributes:
        seed: of faults, scenarios and pictures.
        seconds: how long jobs are submitted and faults injected.
        workers: how many workers, >= 3 for faults that leave some alive.
        clients: how many submissions are followed at once.
        submissions: how many at the most.
        faults_per_minute: how many on average.
    """

    seed: int = 1
    seconds: float = 60.0
    workers: int = 3
    clients: int = 12
    submissions: int = 1_000_000
    faults_per_minute: float = 30.0


@dataclass(frozen=True)
class SoakResult:
    """Result of a soak.

    Attributes:
        options: as it was asked for.
        timeline: faults and samples.
        ended: all submissions.
        memory: resident bytes of the parents, before and after.
        problems: what should not be; empty if all held.
    """

    options: SoakOptions
    timeline: Timeline
    ended: list[Ended]
    memory: tuple[Mapping[str, int], Mapping[str, int]]
    problems: list[str]

    @property
    def statuses(self) -> Counter[str]:
        """Submissions by how they ended."""
        return Counter(one.status for one in self.ended)

    @property
    def faults(self) -> Counter[str]:
        """Injected faults by kind."""
        return Counter(entry.kind for entry in self.timeline.entries if entry.kind != "restart")


def run_soak(
    options: SoakOptions, directory: Path, environ: Mapping[str, str], log: Callable[[str], None]
) -> SoakResult:
    """Run a soak; call from the main thread, whose children the programs are.

    Args:
        options: how hard to try.
        directory: takes blobs, broker and logs.
        environ: what the programs inherit.
        log: takes one line for people.

    Raises:
        BrokerError: the embedded broker cannot be started.
        TimeoutError: the deployment was not ready in time, before any fault.
    """
    with (
        running_receiver(options.seed) as receiver,
        running_fleet(directory, options.workers, environ) as fleet,
    ):
        _wait_ready(fleet)
        fleet.store.signing_keys.add(DEFAULT_TENANT, "chaos", draw_secret())
        warmed = _warm(fleet, receiver, options)
        before = fleet.measure_memory()
        log(f"{fleet.url} is ready; seed {options.seed}, {options.seconds:.0f} s of faults")
        timeline = Timeline()
        load = Workload(
            fleet.url, receiver.url, options.seed, options.clients, options.submissions, timeline
        )
        load.start()
        _disturb(fleet, load, timeline, options, log)
        _calm(fleet, load, timeline)
        log("the faults are over; checking")
        problems = _check(fleet, receiver, [*warmed, *load.ended])
        after = fleet.measure_memory()
        return SoakResult(
            options,
            timeline,
            load.ended,
            (before, after),
            [*problems, *check_memory(before, after)],
        )


def _check(fleet: Fleet, receiver: Receiver, ended: list[Ended]) -> list[str]:
    jobs = [job_id for one in ended for job_id in one.job_ids]
    return [
        *check_jobs(fleet.store, ended),
        *check_webhooks(receiver, ended),
        *check_nothing_is_left(fleet),
        *check_blobs_are_wiped(fleet, jobs),
    ]


def _warm(fleet: Fleet, receiver: Receiver, options: SoakOptions) -> list[Ended]:
    """Run some jobs without faults, so that later memory is compared with that of use."""
    load = Workload(fleet.url, receiver.url, options.seed, 3, WARM_SUBMISSIONS, Timeline())
    load.start()
    while load.is_running:
        time.sleep(TICK_SECONDS)
    return load.ended


def _disturb(
    fleet: Fleet,
    load: Workload,
    timeline: Timeline,
    options: SoakOptions,
    log: Callable[[str], None],
) -> None:
    """Inject the faults at their moments, and start again what they end."""
    injector = Injector(fleet)
    schedule = draw_schedule(options.seed, options.seconds, options.faults_per_minute)
    sampled = 0.0
    while timeline.seconds < options.seconds and load.is_running:
        while schedule and schedule[0].at_seconds <= timeline.seconds:
            _inject(injector, schedule.pop(0), timeline, log)
        injector.end_due(timeline.seconds)
        _restart(fleet, timeline)
        if timeline.seconds - sampled >= SAMPLE_SECONDS:
            sampled = timeline.seconds
            timeline.sample()
        time.sleep(TICK_SECONDS)
    load.stop()
    injector.calm()


def _inject(
    injector: Injector, fault: Fault, timeline: Timeline, log: Callable[[str], None]
) -> None:
    target = injector.inject(fault)
    timeline.note(fault.kind, target)
    log(f"{timeline.seconds:7.2f}  {fault.kind:<16} {target}")


def _restart(fleet: Fleet, timeline: Timeline) -> None:
    for name in fleet.keep_running():
        timeline.note("restart", name)


def _calm(fleet: Fleet, load: Workload, timeline: Timeline) -> None:
    """Follow what is under way to its end, without further faults."""
    give_up_at = time.monotonic() + END_SECONDS
    while load.is_running and time.monotonic() < give_up_at:
        _restart(fleet, timeline)
        timeline.sample()
        time.sleep(SAMPLE_SECONDS)
    _wait_ready(fleet)


def _wait_ready(fleet: Fleet) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while not fleet.is_ready():
        if time.monotonic() > give_up_at:
            states = [f"{program.name}: {program.describe()}" for program in fleet.programs]
            raise TimeoutError(f"the deployment is not ready: {'; '.join(states)}")
        fleet.keep_running()
        time.sleep(TICK_SECONDS)
