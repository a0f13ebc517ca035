"""The record of a soak: when each fault was injected, and how many jobs were in each state."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One thing that was done to the deployment.

    Attributes:
        seconds: since the soak began.
        kind: name of the fault, or of a step of the soak itself.
        detail: to what it was done.
    """

    seconds: float
    kind: str
    detail: str


@dataclass(frozen=True)
class Sample:
    """Submissions by state at one moment: `unfinished`, or how they ended."""

    seconds: float
    counts: dict[str, int]


class Timeline:
    """Collects entries and samples; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._states: Counter[str] = Counter()
        self.entries: list[Entry] = []
        self.samples: list[Sample] = []

    @property
    def seconds(self) -> float:
        """Seconds since the soak began."""
        return time.monotonic() - self._began

    def note(self, kind: str, detail: str = "") -> None:
        """Add an entry for something that happens now."""
        with self._lock:
            self.entries.append(Entry(self.seconds, kind, detail))

    def move(self, before: str | None, after: str) -> None:
        """Count a job that goes from one state to another; `None` for a new one."""
        with self._lock:
            if before is not None:
                self._states[before] -= 1
            self._states[after] += 1

    def sample(self) -> None:
        """Add a sample of the states as they are now."""
        with self._lock:
            self.samples.append(Sample(self.seconds, dict(self._states)))

    def count(self, state: str) -> int:
        """Return how many jobs are in a state now."""
        with self._lock:
            return self._states[state]
