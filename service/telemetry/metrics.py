"""Metrics: families that cost next to nothing until their process serves them.

A family takes numbers where they arise. Where they go is decided once, at the entry of a process:
nowhere, into Prometheus' client, or, in a horse, into a list that its parent reads with the
messages that it gets anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

Kind = Literal["counter", "gauge", "histogram"]
Sample = tuple[str, tuple[str, ...], float]
"""Name of a family, values of its labels, and a number."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MAX_HELD = 10_000
"""Samples that a horse holds until its parent reads them; more are dropped."""


@dataclass(eq=False)
class Family:
    """Metrics with one name.

    Attributes:
        name: as Prometheus shows it; that of a counter without `_total`.
        help: one sentence.
        kind: how samples add up.
        labels: names of the labels.
        processes: processes that have it.
        buckets: upper limits of a histogram's buckets.
        is_read: True if its values are read when somebody asks (`Reading`), as gauges always are.
        take: receives a sample; None while nobody wants it.
    """

    name: str
    help: str
    kind: Kind
    labels: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    is_read: bool = False
    take: Callable[[tuple[str, ...], float], None] | None = field(default=None, repr=False)

    @property
    def shown_name(self) -> str:
        """The name with the suffix of counters."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def note(self, value: float, *labels: str) -> None:
        """Add a number to a counter, or put it into a histogram."""
        if self.take is not None:
            self.take(labels, value)

    @contextmanager
    def timing(self, *labels: str) -> Iterator[None]:
        """Note the seconds that the block takes, also if it raises."""
        if self.take is None:
            yield
            return
        started = perf_counter()
        try:
            yield
        finally:
            self.take(labels, perf_counter() - started)


Reading = Callable[[], Iterable[Sample]]
"""Reads gauges, and counters that are kept elsewhere, when somebody asks for the metrics."""


class Metrics:
    """The metrics of this process, for whoever asks for them.

    Args:
        families: all that this process has.
        readings: what is read at each question.
        folder: where the processes of gunicorn share their counts; None for a process alone.
    """

    def __init__(
        self, families: Sequence[Family], readings: Sequence[Reading] = (), folder: str = ""
    ) -> None:
        from prometheus_client import CollectorRegistry, disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._families = {family.name: family for family in families}
        self._readings = readings
        # The processes of gunicorn count into files: what is asked for is their sum.
        self._registry = CollectorRegistry()
        counted = CollectorRegistry() if folder else self._registry
        for family in families:
            if family.kind != "gauge" and not family.is_read:
                family.take = _build_sink(family, counted)
        if folder:
            from prometheus_client.multiprocess import MultiProcessCollector

            MultiProcessCollector(self._registry, folder)  # type: ignore[no-untyped-call]
        self._registry.register(_Readings(self))

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield what is read at each question."""
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        found: dict[str, Any] = {}
        for name, labels, value in (sample for reading in self._readings for sample in reading()):
            family = self._families[name]
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            if name not in found:
                found[name] = kind(name, family.help, labels=family.labels)
            found[name].add_metric(labels, value)
        yield from found.values()


@dataclass(frozen=True)
class _Readings:
    """The readings as the client library asks for them."""

    metrics: Metrics

    def collect(self) -> Iterator[Metric]:
        return self.metrics.collect()

    def describe(self) -> list[Metric]:
        # Asked at registration, when the broker may not be there yet.
        return []


def _build_sink(
    family: Family, registry: CollectorRegistry
) -> Callable[[tuple[str, ...], float], None]:
    """Return a function that takes samples of a family into the client library."""
    from prometheus_client import Counter, Histogram

    made: Any
    if family.kind == "counter":
        made = Counter(family.name, family.help, family.labels, registry=registry)
    else:
        buckets = family.buckets
        made = Histogram(
            family.name, family.help, family.labels, registry=registry, buckets=buckets
        )
    add = "inc" if family.kind == "counter" else "observe"
    children: dict[tuple[str, ...], Callable[[float], None]] = {}

    def take(labels: tuple[str, ...], value: float) -> None:
        # The library looks labels up under a lock, and turns each into text.
        found = children.get(labels)
        if found is None:
            child = made.labels(*labels) if labels else made
            found = children[labels] = getattr(child, add)
        found(value)

    return take


def share_counts(folder: str, slot: int) -> None:
    """Have this process of gunicorn count into the files of its slot in a folder.

    A successor in the same slot goes on with the files of its predecessor, so that counters never
    fall, and no file is left behind for each process that there ever was. Call it before `Metrics`.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    from prometheus_client import values

    kind = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
    values.ValueClass = kind


@dataclass
class Held:
    """Samples of a horse, which are held until its parent reads them."""

    samples: list[Sample] = field(default_factory=list)

    def hold(self, families: Iterable[Family]) -> None:
        """Have families give their samples to this list."""
        for family in families:
            family.take = partial(self._take, family.name)

    def _take(self, name: str, labels: tuple[str, ...], value: float) -> None:
        if len(self.samples) < MAX_HELD:
            self.samples.append((name, labels, value))

    def drain(self) -> tuple[Sample, ...]:
        """Return what is held, and hold it no longer."""
        # Other threads may add meanwhile: what is taken out is counted first.
        count = len(self.samples)
        taken = tuple(self.samples[:count])
        del self.samples[:count]
        return taken


def replay(samples: Iterable[Sample], families: Iterable[Family]) -> None:
    """Note the samples of another process."""
    by_name = {family.name: family for family in families}
    for name, labels, value in samples:
        by_name[name].note(value, *labels)


def read_memory(pid: int | str) -> float | None:
    """Return the bytes of memory that a process has resident; None where the system does not say.

    Source: proc_pid_statm(5).
    """
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - no Path needed
            return float(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return None
