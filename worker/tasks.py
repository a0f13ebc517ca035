"""The function that wake-ups name."""

from __future__ import annotations


def run_job() -> None:
    """Refuse to run: a wake-up only wakes, and a Paintjob worker never calls what Redis names.

    Raises:
        RuntimeError: always, because a plain RQ worker listens to a Paintjob queue.
    """
    raise RuntimeError("this queue needs a Paintjob worker: start `paintjob worker`")
