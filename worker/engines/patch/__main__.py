"""`python -m worker.engines.patch` compiles the kernels ahead, and shows how far it is."""

from __future__ import annotations

import sys
from typing import Any, Final

from numba.core import event

from worker.engines.patch.warming import warm

NAME: Final = "numba:compile"
"""The event that numba sends for each function it compiles."""


class Counter(event.Listener):
    """Counts the kernels that are compiled, on one line of standard error."""

    def __init__(self) -> None:
        self.count = 0

    def on_start(self, event: Any) -> None:
        """Show the kernel that is compiled now."""
        self.count += 1
        name = event.data["dispatcher"].py_func.__name__.strip("_")
        show(f"compiling for this processor, once: {self.count} functions ({name})")

    def on_end(self, event: Any) -> None:
        """Do nothing: the next start says that this one has ended."""


def show(text: str) -> None:
    """Write a line over the one before, on a terminal; elsewhere nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def main() -> None:
    """Compile all that is not yet compiled."""
    counter = Counter()
    with event.install_listener(NAME, counter):
        warm()
    show("")
    sys.stdout.write(f"The painting kernels are ready; {counter.count} functions were compiled\n")


if __name__ == "__main__":
    main()
