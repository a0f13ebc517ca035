"""The programs of a deployment, as the supervisor sees them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from service.local.broker import EmbeddedBroker
from service.local.processes import ChildProcess


class BrokerProgram:
    """The embedded broker."""

    name = "broker"
    grace_seconds = 15.0

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._broker = broker

    @property
    def is_running(self) -> bool:
        """Whether the server's process lives."""
        return self._broker.is_running

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            BrokerError: it cannot be started.
        """
        self._broker.start()

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self._broker.answers()

    def describe(self) -> str:
        """Tell its URL, or that it ended."""
        return self._broker.url if self.is_running else "ended"

    def terminate(self) -> None:
        """Stop it, and wait for that."""
        self._broker.stop()

    def wait(self, timeout_seconds: float) -> bool:
        """Tell whether it has stopped."""
        return not self._broker.is_running

    def kill(self) -> None:
        """Kill it; the lock on its directory is kept, because it will be started again."""
        self._broker.kill()


class ChildProgram:
    """A program started by its command line.

    Args:
        name: what status lines and its log file are called.
        argv: program and arguments.
        make_env: gives its environment, from how many times it was started before.
        check_ready: tells whether it does its work, from the same number.
        grace_seconds: how long it may take to stop.
        log_file: takes its output; None writes it to standard error.
        pass_fds: descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        make_env: Callable[[int], Mapping[str, str]],
        check_ready: Callable[[int], bool],
        grace_seconds: float,
        log_file: Path | None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.grace_seconds = grace_seconds
        self._argv = argv
        self._make_env = make_env
        self._check_ready = check_ready
        self._log_file = log_file
        self._pass_fds = pass_fds
        self._starts = 0
        self._child: ChildProcess | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.is_running

    def start(self) -> None:
        """Start it, or start it again.

        Raises:
            OSError: the program or its log file cannot be opened.
        """
        env = self._make_env(self._starts)
        self._starts += 1
        self._child = ChildProcess(self.name, self._argv, env, self._log_file, self._pass_fds)
        self._child.start()

    def is_ready(self) -> bool:
        """Whether it does its work."""
        return self._check_ready(self._starts - 1)

    def describe(self) -> str:
        """Tell its process id, or how it ended and where its output lies."""
        if self._child is None:
            return "not started"
        status = self._child.returncode
        if status is None:
            return f"pid {self._child.pid}"
        ended = f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit {status}"
        return f"{ended}, see {self._log_file}" if self._log_file else ended

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for its end; tells whether it came."""
        return self._child is None or self._child.wait(timeout_seconds)

    def kill(self) -> None:
        """Kill its process group."""
        if self._child is not None:
            self._child.kill_group()
