"""The state of queues, jobs and outbox, as metrics show it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.contract.jobs import Progress
from service.store.runner import StorePart


@dataclass(frozen=True)
class HeldJob:
    """A job that a worker holds.

    Attributes:
        worker: its name.
        seconds: since its first claim.
        operation: `inpaint`, `outpaint` or another.
        model: none for methods without one.
        progress: none before the first report.
    """

    job_id: str
    worker: str
    seconds: float
    operation: str
    method: str
    model: str | None
    progress: Progress | None


@dataclass(frozen=True)
class Gauges:
    """State of the broker's queues, and the counts that the scripts keep.

    Attributes:
        queues: jobs waiting, and seconds since the first of them was accepted, by queue.
        running: jobs that workers hold.
        groups: groups of receivers that have a webhook to come.
        late_seconds: for how long the webhook that is due longest has waited.
        ended: jobs that have ended, by queue, status and code.
        attempts: claims that have ended, by outcome.
        jobs: those that workers hold, as many as were asked for, the longest first.
    """

    queues: dict[str, tuple[int, float]]
    running: int
    groups: int
    late_seconds: float
    ended: dict[tuple[str, str, str], int]
    attempts: dict[str, int]
    jobs: list[HeldJob]


class GaugeReader(StorePart):
    """Reads what metrics show."""

    def load(self, jobs: int = 0) -> Gauges:
        """Return the state of now.

        Args:
            jobs: how many of the jobs that workers hold are named.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        found: dict[str, Any] = json.loads(self._scripts.run("gauges", jobs=jobs))
        queues = found["queues"]
        ended = _read_counts(found["ended"])
        return Gauges(
            {name: (waiting, ms / 1000) for name, (waiting, ms) in queues.items()},
            found["running"],
            found["groups"],
            found["late_ms"] / 1000,
            {_split(name): number for name, number in ended.items()},
            _read_counts(found["attempts"]),
            sorted(map(_read_job, found["jobs"]), key=lambda job: -job.seconds),
        )


def _read_job(entry: Sequence[Any]) -> HeldJob:
    job_id, worker, ms, text, progress = entry
    # A newer release may have written the spec: no more is read of it than is shown.
    spec = json.loads(text)
    told = Progress.model_validate_json(progress) if progress else None
    seconds = ms / 1000
    return HeldJob(
        job_id, worker, seconds, spec["operation"], spec["method"], spec.get("model"), told
    )


def _read_counts(flat: Sequence[str]) -> dict[str, int]:
    # Lua's JSON writes an empty list as {}.
    pairs = list(flat)
    return {name: int(number) for name, number in zip(pairs[::2], pairs[1::2], strict=True)}


def _split(name: str) -> tuple[str, str, str]:
    queue, status, code = name.split(" ")
    return queue, status, code
