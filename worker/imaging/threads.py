"""The threads that a process may use."""

from __future__ import annotations

import os


def count_threads() -> int:
    """Return how many threads of this process may run at once."""
    # What the scheduler allows, not what the machine has: containers get a share.
    return len(os.sched_getaffinity(0))
