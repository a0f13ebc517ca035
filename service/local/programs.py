"""The embedded broker, as the supervisor sees it; other programs are a `ChildProcess`."""

from __future__ import annotations

from service.local.broker import EmbeddedBroker


class BrokerProgram:
    """The embedded broker."""

    name = "broker"
    grace_seconds = 15.0

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._broker = broker

    @property
    def is_running(self) -> bool:
        """True if the server's process is running."""
        return self._broker.is_running

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            BrokerError: it cannot be started.
        """
        self._broker.start()

    def is_ready(self) -> bool:
        """Return whether it answers."""
        return self._broker.answers()

    def tend(self) -> None:
        """Bound its log; called often while it runs."""
        self._broker.tend()

    def describe(self) -> str:
        """Return its URL, or that it has ended."""
        return self._broker.url if self.is_running else "ended"

    def terminate(self) -> None:
        """Stop it, and wait for that."""
        self._broker.stop()

    def wait(self, timeout_seconds: float) -> bool:
        """Return whether it has stopped."""
        return not self._broker.is_running

    def kill(self) -> None:
        """Kill it; the lock on its directory is kept for the restart."""
        self._broker.kill()
