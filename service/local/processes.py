"""Child processes that never outlive their parent and end within a bound."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from service.contract.child_processes import die_with_parent
from service.contract.private_files import make_private_folder

_MAX_LOG_BYTES = 10 * 1024 * 1024
_LOG_POLL_SECONDS = 1.0


class ChildProcess:
    """A program in a process group of its own: a Ctrl-C at the terminal reaches its parent alone.

    Args:
        name: its name in status lines and before its lines on a terminal.
        argv: program and arguments.
        make_env: returns its whole environment, from how many times it was started before.
        log_file: where its output is appended; None writes it to standard error, each line
            prefixed.
        pass_fds: descriptors that it inherits.
        check_ready: checks that it does its work, from the same number as `make_env`.
        grace_seconds: how long it may take to stop before it is killed.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        make_env: Callable[[int], Mapping[str, str]],
        log_file: Path | None,
        *,
        pass_fds: Sequence[int] = (),
        check_ready: Callable[[int], bool] = lambda _: True,
        grace_seconds: float = 0.0,
    ) -> None:
        self.name = name
        self.grace_seconds = grace_seconds
        self._argv = list(argv)
        self._make_env = make_env
        self._log_file = log_file
        self._pass_fds = tuple(pass_fds)
        self._check_ready = check_ready
        self._starts = 0
        self._tended_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, or None before the first start."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """True after it was started and until it has ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, or start it again. Call from the main thread; see `die_with_parent`.

        Raises:
            OSError: the program or its log file cannot be opened.
        """
        env = dict(self._make_env(self._starts))
        self._starts += 1
        with contextlib.ExitStack() as stack:
            output: IO[bytes] | int = subprocess.PIPE
            if self._log_file is not None:
                output = stack.enter_context(open_log(self._log_file))
            self._process = subprocess.Popen(  # noqa: S603 - the command lines are our own
                self._argv,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=self._pass_fds,
                start_new_session=True,
                preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM),
            )
        if self._process.stdout is not None:
            copier = (self._process.stdout, f"{self.name} | ".encode())
            threading.Thread(target=_copy_lines, args=copier, daemon=True).start()

    def is_ready(self) -> bool:
        """Return whether it does its work."""
        return self._check_ready(self._starts - 1)

    def describe(self) -> str:
        """Return its process id, or how it ended and where its output lies."""
        if self._process is None:
            return "not started"
        status = self._process.poll()
        if status is None:
            return f"pid {self._process.pid}"
        ended = f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit {status}"
        return f"{ended}, see {self._log_file}" if self._log_file else ended

    def tend(self) -> None:
        """Cut its log where it has grown too long; called often while it runs."""
        now = time.monotonic()
        if self._log_file is not None and now - self._tended_at >= _LOG_POLL_SECONDS:
            self._tended_at = now
            with contextlib.suppress(OSError):
                _cut_log(self._log_file)

    def terminate(self) -> None:
        """Send SIGTERM; a process that has ended gets none."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for its end; return whether it came in time."""
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, timeout_seconds))
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill what is left of its process group: itself, and children that it left behind."""
        if self._process is None:
            return
        # macOS answers EPERM where only a zombie is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def open_log(path: Path) -> IO[bytes]:
    """Open a log file to append to; one that has grown past 10 MB is first set aside as `.1`."""
    make_private_folder(path.parent)
    if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
        path.replace(path.with_suffix(path.suffix + ".1"))
    file = path.open("ab")
    os.fchmod(file.fileno(), 0o600)
    return file


def _cut_log(path: Path) -> None:
    """Copy a log that is too long to `.1`, and empty it: whoever writes to it appends."""
    if path.stat().st_size > _MAX_LOG_BYTES:
        copy = path.with_suffix(path.suffix + ".1")
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        os.truncate(path, 0)


def _copy_lines(source: IO[bytes], prefix: bytes) -> None:
    with source:
        for line in source:
            sys.stderr.buffer.write(prefix + line.rstrip(b"\n") + b"\n")
            sys.stderr.buffer.flush()
