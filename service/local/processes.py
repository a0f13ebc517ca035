"""Starting child processes that never outlive their parent, and ending them within a bound."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_MAX_LOG_BYTES = 10 * 1024 * 1024


def die_with_parent(death_signal: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """Give a function that, run between fork and exec, ties the child's life to its parent's.

    The kernel watches the *thread* that forked, so children are to be started from a thread that
    lives as long as they should: the main one. Only Linux has the call; elsewhere nothing is done.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    # Loaded here, before the fork: between fork and exec nothing may take a lock.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            # The parent died before the call; no signal will come any more.
            os._exit(1)

    return tie


class ChildProcess:
    """A program in a process group of its own: a Ctrl-C at the terminal reaches its parent alone.

    Args:
        name: what its lines are prefixed with on a terminal.
        argv: program and arguments.
        env: its whole environment.
        log_file: takes its output, appended; None writes it to standard error, each line prefixed.
        pass_fds: descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        log_file: Path | None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._name = name
        self._argv = list(argv)
        self._env = dict(env)
        self._log_file = log_file
        self._pass_fds = tuple(pass_fds)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, or None before the first start."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs or before it started."""
        return self._process.poll() if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it. Call from the main thread; see `die_with_parent`.

        Raises:
            OSError: the program or its log file cannot be opened.
        """
        with contextlib.ExitStack() as stack:
            output: IO[bytes] | int = subprocess.PIPE
            if self._log_file is not None:
                output = stack.enter_context(open_log(self._log_file))
            self._process = subprocess.Popen(  # noqa: S603 - the command lines are our own
                self._argv,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=self._pass_fds,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        if self._process.stdout is not None:
            copier = (self._process.stdout, f"{self._name} | ".encode())
            threading.Thread(target=_copy_lines, args=copier, daemon=True).start()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; one that has ended gets none."""
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for its end; tells whether it came in time."""
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, timeout_seconds))
        return self._process.poll() is not None

    def kill_group(self) -> None:
        """Kill what is left of its process group: itself, and children that it left behind."""
        if self._process is None:
            return
        # macOS answers EPERM where only a zombie is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def open_log(path: Path) -> IO[bytes]:
    """Open a log file to append to; one that has grown past 10 MB is first set aside as `.1`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return path.open("ab")


def _copy_lines(source: IO[bytes], prefix: bytes) -> None:
    with source:
        for line in source:
            sys.stderr.buffer.write(prefix + line.rstrip(b"\n") + b"\n")
            sys.stderr.buffer.flush()
