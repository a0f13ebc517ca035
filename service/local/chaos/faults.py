"""The faults that a soak injects, each at a moment drawn beforehand from its seed."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from service.local.chaos.fleet import LEASE_SECONDS, Fleet
from service.local.processes import ChildProcess

CALM_SECONDS = 5.0
"""No fault is begun so shortly after the start."""


@dataclass(frozen=True)
class Fault:
    """One fault of a schedule.

    Attributes:
        at_seconds: when it begins, since the start of the soak.
        kind: a key of `INJECT`.
        choice: 0 .. 1, chooses the target among those that are there then.
        seconds: how long it lasts, for the kinds that last.
    """

    at_seconds: float
    kind: str
    choice: float
    seconds: float


def draw_schedule(seed: int, seconds: float, per_minute: float) -> list[Fault]:
    """Draw the faults of a soak: at random moments, each kind equally often in the long run."""
    dice = random.Random(seed)  # noqa: S311 # nosec - a schedule is no secret
    kinds = sorted(INJECT)
    faults = []
    at = CALM_SECONDS
    while (at := at + dice.expovariate(per_minute / 60)) < seconds:
        kind = dice.choice(kinds)
        lasts = dice.uniform(0.3, 2.0) * LEASE_SECONDS
        faults.append(Fault(at, kind, dice.random(), lasts))
    return faults


@dataclass
class Injector:
    """Injects faults, and ends those that last.

    Args:
        fleet: the deployment.
    """

    fleet: Fleet

    def __post_init__(self) -> None:
        self._ends: list[tuple[float, Callable[[], None]]] = []

    def inject(self, fault: Fault) -> str:
        """Begin a fault, and return to what it was done."""
        target, end = INJECT[fault.kind](self.fleet, fault)
        if end is not None:
            self._ends.append((fault.at_seconds + fault.seconds, end))
        return target

    def end_due(self, now_seconds: float) -> None:
        """End the faults whose time is over."""
        due = [end for at, end in self._ends if at <= now_seconds]
        self._ends = [(at, end) for at, end in self._ends if at > now_seconds]
        for end in due:
            end()

    def calm(self) -> None:
        """End all faults."""
        self.end_due(float("inf"))


Injected = tuple[str, Callable[[], None] | None]
"""The target, and how the fault is ended where it lasts."""


def _kill_worker(fleet: Fleet, fault: Fault) -> Injected:
    worker = _choose(fleet.workers, fault)
    _signal(worker.pid, signal.SIGKILL)
    return worker.name, None


def _drain_worker(fleet: Fleet, fault: Fault) -> Injected:
    worker = _choose(fleet.workers, fault)
    _signal(worker.pid, signal.SIGTERM)
    return worker.name, None


def _preempt_worker(fleet: Fleet, fault: Fault) -> Injected:
    worker = _choose(fleet.workers, fault)
    _signal(worker.pid, signal.SIGTERM)
    _signal(worker.pid, signal.SIGTERM)
    return worker.name, None


def _stop_worker(fleet: Fleet, fault: Fault) -> Injected:
    return _pause(_choose(fleet.workers, fault))


def _kill_horse(fleet: Fleet, fault: Fault) -> Injected:
    worker = _choose(fleet.workers, fault)
    for child in _children(worker.pid):
        _signal(child, signal.SIGKILL)
    return worker.name, None


def _stop_horse(fleet: Fleet, fault: Fault) -> Injected:
    worker = _choose(fleet.workers, fault)
    children = _children(worker.pid)

    def resume() -> None:
        for child in children:
            _signal(child, signal.SIGCONT)

    for child in children:
        _signal(child, signal.SIGSTOP)
    return worker.name, resume


def _kill_api_worker(fleet: Fleet, fault: Fault) -> Injected:
    children = _children(fleet.api.pid)
    if children:
        _signal(children[int(fault.choice * len(children))], signal.SIGKILL)
    return fleet.api.name, None


def _kill_api(fleet: Fleet, fault: Fault) -> Injected:
    fleet.api.kill()
    return fleet.api.name, None


def _kill_courier(fleet: Fleet, fault: Fault) -> Injected:
    _signal(fleet.courier.pid, signal.SIGKILL)
    return fleet.courier.name, None


def _stop_courier(fleet: Fleet, fault: Fault) -> Injected:
    return _pause(fleet.courier)


def _kill_broker(fleet: Fleet, fault: Fault) -> Injected:
    fleet.broker.kill()
    return "broker", None


def _stop_broker(fleet: Fleet, fault: Fault) -> Injected:
    pid = fleet.broker.pid
    _signal(pid, signal.SIGSTOP)
    return "broker", lambda: _signal(pid, signal.SIGCONT)


def _cut_replies(fleet: Fleet, fault: Fault) -> Injected:
    fleet.cutter.cut_often(0.2, seed=int(fault.choice * 2**32))
    return "broker", fleet.cutter.cut_nothing


def _pause(process: ChildProcess) -> Injected:
    pid = process.pid
    _signal(pid, signal.SIGSTOP)
    return process.name, lambda: _signal(pid, signal.SIGCONT)


INJECT: dict[str, Callable[[Fleet, Fault], Injected]] = {
    "kill worker": _kill_worker,
    "drain worker": _drain_worker,
    "preempt worker": _preempt_worker,
    "stop worker": _stop_worker,
    "kill horse": _kill_horse,
    "stop horse": _stop_horse,
    "kill API worker": _kill_api_worker,
    "kill API": _kill_api,
    "kill courier": _kill_courier,
    "stop courier": _stop_courier,
    "kill broker": _kill_broker,
    "stop broker": _stop_broker,
    "cut replies": _cut_replies,
}
"""Every kind of fault by its name in reports."""


def _choose(processes: list[ChildProcess], fault: Fault) -> ChildProcess:
    return processes[int(fault.choice * len(processes))]


def _children(pid: int | None) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def _signal(pid: int | None, number: signal.Signals) -> None:
    # Whoever has just ended gets none.
    with contextlib.suppress(psutil.NoSuchProcess):
        if pid is not None:
            psutil.Process(pid).send_signal(number)
