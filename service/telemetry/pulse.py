"""The sign of life that a health check looks at: the age of a file."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

BEAT_SECONDS = 1.0


class Pulse:
    """Touches a file while the worker's loop runs, whether the broker answers or not.

    Args:
        file: the file; None for none.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._beaten_at = -BEAT_SECONDS

    def beat(self) -> None:
        """Touch the file, once a second at most."""
        now = time.monotonic()
        if self._file is None or now - self._beaten_at < BEAT_SECONDS:
            return
        self._beaten_at = now
        # A full disk must not end the worker; the check fails, which says enough.
        with suppress(OSError):
            self._file.touch()
