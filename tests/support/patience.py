"""Waiting for what happens in other threads and processes, however slow the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0
"""How long a test waits for what must happen: reached only by a test that fails."""


def wait_for(
    condition: Callable[[], bool],
    explain: Callable[[], str] = lambda: "",
    *,
    seconds: float = PATIENCE_SECONDS,
) -> None:
    """Wait until a condition holds, checking it often."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {seconds} s\n{explain()}"
        time.sleep(0.01)
