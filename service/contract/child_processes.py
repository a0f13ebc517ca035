"""Children that do not outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(
    parent_pid: int, death_signal: signal.Signals = signal.SIGKILL
) -> Callable[[], None]:
    """Return a function that, called in a child, ties the child's life to its parent's.

    Build it in the parent where the child calls it between fork and exec, for nothing may take a
    lock there. The kernel watches the *thread* that forked, so start children from a thread that
    lives as long as they should: the main one. Only Linux has the call; elsewhere the function
    does nothing.

    Args:
        parent_pid: the process that starts the child; if it is gone already, the child exits.
        death_signal: what the kernel sends to the child.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent_pid:
            # The parent died before the call; no signal will come any more.
            os._exit(1)

    return tie
