"""`paintjob top`: the queues, workers and jobs of a deployment, as they are now."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from service.commands.operating import DEFAULTS, DataDir, Namespace, RedisUrl, open_store
from service.store import BrokerMemory, Gauges, HeldJob, JobStore, OnlineWorker

MAX_JOBS = 20
WINDOW_SECONDS = 60.0
"""Throughput is counted over this time, or since the start if that is less."""

WAITS_LONG_SECONDS = 60.0
"""From here on, the wait of a queue's oldest job is shown in red."""


@dataclass(frozen=True)
class Sight:
    """State of a deployment at one moment.

    Attributes:
        at: monotonic time in seconds.
    """

    at: float
    gauges: Gauges
    workers: Sequence[OnlineWorker]
    memory: BrokerMemory


def top(
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, print, and end.")] = False,
    redis_url: RedisUrl = DEFAULTS.redis_url,
    namespace: Namespace = DEFAULTS.namespace,
    data_dir: DataDir = DEFAULTS.data_dir,
) -> None:
    """Show queues, workers, running jobs, throughput and the oldest wait, until Ctrl-C.

    Reads the broker alone, as `keys` does. Where the output is no terminal, it looks once.
    """
    console = Console()
    with open_store(redis_url, namespace, data_dir) as store:
        first = look(store)
        if once or not console.is_terminal:
            console.print(draw(first, first))
            return
        sights = [first]
        with Live(draw(first, first), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                sights = recent([*sights, look(store)])
                live.update(draw(sights[0], sights[-1]), refresh=True)


def look(store: JobStore) -> Sight:
    """Return what there is to see now.

    Raises:
        BrokerUnavailable: Redis does not answer.
    """
    gauges, workers = store.gauges.load(jobs=MAX_JOBS), store.presence.load_workers()
    return Sight(time.monotonic(), gauges, workers, store.queues.load_memory())


def recent(sights: Sequence[Sight]) -> list[Sight]:
    """Return the sights of the window, and the last one before it."""
    begin = sights[-1].at - WINDOW_SECONDS
    older = [sight for sight in sights if sight.at < begin]
    return [*older[-1:], *(sight for sight in sights if sight.at >= begin)]


def draw(before: Sight, now: Sight) -> Group:
    """Return tables for a terminal; throughput is what ended between the two sights."""
    return Group(_draw_head(now), _draw_queues(before, now), _draw_jobs(now.gauges))


def _draw_head(now: Sight) -> Text:
    memory = now.memory
    used = "" if memory.used_bytes is None else f"   broker {memory.used_bytes / 1e6:.0f} MB"
    share = (
        f" of {memory.max_bytes / 1e6:.0f}"
        if memory.used_bytes is not None and memory.max_bytes
        else ""
    )
    late = now.gauges.late_seconds
    hooks = f"   webhooks overdue {_span(late)}" if late > 1 else ""
    waiting = sum(count for count, _ in now.gauges.queues.values())
    head = f"{waiting} waiting, {now.gauges.running} running, {len(now.workers)} workers"
    return Text(f"{time.strftime('%H:%M:%S')}   {head}{used}{share}{hooks}")


def _draw_queues(before: Sight, now: Sight) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left")
    table.add_column("queue")
    for name in ("waiting", "oldest wait", "workers", "busy", "done/min", "failed/min"):
        table.add_column(name, justify="right")
    states = Counter((worker.queue, worker.state) for worker in now.workers)
    for queue in sorted({*now.gauges.queues, *(worker.queue for worker in now.workers)}):
        waiting, oldest = now.gauges.queues.get(queue, (0, 0.0))
        online = sum(number for (name, _), number in states.items() if name == queue)
        style = "red" if waiting and (oldest > WAITS_LONG_SECONDS or not online) else ""
        table.add_row(
            queue,
            str(waiting),
            _span(oldest) if waiting else "-",
            str(online),
            str(states[queue, "busy"]),
            _rate(before, now, queue, ("succeeded",)),
            _rate(before, now, queue, ("failed",)),
            style=style,
        )
    return table


def _rate(before: Sight, now: Sight, queue: str, statuses: tuple[str, ...]) -> str:
    """Return jobs a minute that ended in a status; unknown before a second look."""
    seconds = now.at - before.at
    if seconds <= 0:
        return "-"
    ended = _count_ended(now, queue, statuses) - _count_ended(before, queue, statuses)
    return f"{60 * ended / seconds:.1f}"


def _count_ended(sight: Sight, queue: str, statuses: tuple[str, ...]) -> int:
    return sum(
        number
        for (name, status, _), number in sight.gauges.ended.items()
        if name == queue and status in statuses
    )


def _draw_jobs(gauges: Gauges) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("running job", "operation", "method", "model", "stage"):
        table.add_column(name)
    for name in ("done", "since"):
        table.add_column(name, justify="right")
    table.add_column("worker")
    for job in gauges.jobs:
        table.add_row(*_describe(job))
    left = gauges.running - len(gauges.jobs)
    if left > 0:
        table.add_row(f"… and {left} more")
    return table


def _describe(job: HeldJob) -> tuple[str, ...]:
    told = job.progress
    stage, share = (told.stage, f"{told.fraction:.0%}") if told else ("-", "-")
    where = (job.job_id, job.operation, job.method, job.model or "-")
    return (*where, stage, share, _span(job.seconds), job.worker)


def _span(seconds: float) -> str:
    """Return a time as people say it: `4 s`, `12 min`, `3 h`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
