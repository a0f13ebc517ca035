"""Runs the scripts: the one place where Redis is called."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from time import perf_counter
from typing import Any, Self, TypeVar

from redis import Redis

from service.contract.errors import BrokerUnavailable
from service.contract.names import DEFAULT_NAMESPACE
from service.store.broker_faults import BrokerLink
from service.telemetry.families import BROKER_FAILURES, BROKER_SECONDS

SCRIPTS = (
    "begin_upload",
    "keep_upload",
    "drop_upload",
    "stored",
    "submit",
    "claim",
    "renew",
    "report",
    "finish",
    "release",
    "cancel",
    "delete",
    "reap",
    "view",
    "list",
    "queue",
    "gauges",
    "presence",
    "take_wipes",
    "add_key",
    "revoke_key",
    "take_webhooks",
    "end_webhook",
    "redeliver",
    "add_webhook_key",
    "begin_batch",
    "close_batch",
    "view_batch",
    "list_batches",
    "forget_batch",
    "mute_batch",
    "usage",
)
"""Every script, by the name of its file."""

AGAIN_LEASES = 2
"""After so many leases nobody writes any more for a claim that is over, or for a wiped job."""

Answer = TypeVar("Answer")

Command = Sequence[bytes | str | float]
"""A command of Redis: its name, then its arguments."""


@dataclass(frozen=True)
class PackedCommands:
    """Commands that a script runs along with its own, as two arguments instead of dozens.

    Attributes:
        lengths: for each command the bytes of its parts, as JSON.
        data: all parts in a row.
    """

    lengths: str
    data: bytes

    @classmethod
    def pack(cls, commands: Iterable[Command]) -> Self:
        """Pack commands."""
        encoded = [[_encode(part) for part in command] for command in commands]
        lengths = [[len(part) for part in command] for command in encoded]
        return cls(json.dumps(lengths), b"".join(part for command in encoded for part in command))


def _encode(part: bytes | str | float) -> bytes:
    if isinstance(part, bytes):
        return part
    # A member of an enumeration of strings is its value here, and its name in `str`.
    return part.encode() if isinstance(part, str) else repr(part).encode()


class ScriptRunner:
    """A connection and the scripts on it; the parts of the store share one.

    Args:
        redis: the connection; responses as bytes.
        namespace: prefix of all keys, one hash tag in braces.
        lease_seconds: how long a claim lives without being renewed.
        logs: whether the link logs.

    Attributes:
        link: calls Redis, and logs why it cannot be used.
        registered: the scripts by name.
    """

    def __init__(
        self,
        redis: Redis,
        namespace: str = DEFAULT_NAMESPACE,
        lease_seconds: float = 10.0,
        *,
        logs: bool = True,
    ) -> None:
        self.redis = redis
        self.link = BrokerLink(redis, logs=logs)
        self.namespace = namespace
        self.lease_seconds = lease_seconds
        folder = files("service.store") / "scripts"
        library = (folder / "_lib.lua").read_text()
        self.registered = {
            name: redis.register_script(library + (folder / f"{name}.lua").read_text())
            for name in SCRIPTS
        }

    @property
    def again_ms(self) -> int:
        """Milliseconds after which nobody writes for a claim that is over: its blobs can go."""
        return milliseconds(AGAIN_LEASES * self.lease_seconds)

    def key(self, *parts: str) -> str:
        """Build the name of a key in the namespace."""
        return ":".join((self.namespace, *parts))

    def run(self, script: str, commands: PackedCommands | None = None, **arguments: Any) -> Any:
        """Run a script.

        Args:
            script: its name.
            commands: run by the script too, if it says so.
            arguments: of the script.

        Raises:
            BrokerUnavailable: Redis does not answer or refuses; whether the script ran is unknown,
                and it may be run again with the same arguments.
        """
        # Absent values are left out: in Lua a JSON null is something that is there.
        given = {name: value for name, value in arguments.items() if value is not None}
        key = self.key("job", str(arguments.get("job_id", "none")))
        packed = (commands.lengths, commands.data) if commands else ()
        values = [self.namespace, json.dumps(given), *packed]
        return self.guard(lambda: self.registered[script](keys=[key], args=values), script)

    def guard(self, call: Callable[[], Any], name: str = "command") -> Any:
        """Call Redis, and raise its errors as ours.

        Args:
            call: calls Redis.
            name: the script, as metrics show it.

        Raises:
            BrokerUnavailable: Redis does not answer or refuses.
        """
        started = perf_counter()
        try:
            answer = self.link.call(call)
        except BrokerUnavailable:
            BROKER_FAILURES.note(1, name)
            raise
        BROKER_SECONDS.note(perf_counter() - started, name)
        return answer


class StorePart:
    """One subject of the store, with its methods; it holds no state but the runner.

    Args:
        scripts: the runner that all parts share.
    """

    def __init__(self, scripts: ScriptRunner) -> None:
        self._scripts = scripts


def try_twice(call: Callable[[], Answer]) -> Answer:
    """Call, and once more if no answer came: every script may be run again with its arguments.

    Raises:
        BrokerUnavailable: no answer came the second time either.
    """
    try:
        return call()
    except BrokerUnavailable:
        return call()


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, the unit of every time in Redis."""
    return round(seconds * 1000)
