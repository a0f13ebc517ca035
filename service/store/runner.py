"""Runs the scripts: the one place where Redis is called."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from time import perf_counter
from typing import Any, Generic, Self, TypeVar

from redis import Redis
from redis.exceptions import NoScriptError

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

SEVERAL = "several"
"""Name, for metrics, of scripts that were run in one round trip."""

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


@dataclass(frozen=True)
class ScriptCall(Generic[Answer]):
    """A call of a script that is still to be made.

    Attributes:
        script: its name.
        arguments: of the script.
        read: returns what its answer means.
    """

    script: str
    arguments: Mapping[str, Any]
    read: Callable[[Any], Answer]


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
        keys, values = self._pack(arguments)
        values += (commands.lengths, commands.data) if commands else ()
        return self.guard(lambda: self.registered[script](keys=keys, args=values), script)

    def make(self, call: ScriptCall[Answer]) -> Answer:
        """Make one call.

        Raises:
            BrokerUnavailable: as `run`.
        """
        return call.read(self.run(call.script, **call.arguments))

    def make_all(
        self, calls: Sequence[ScriptCall[Any]], commands: Sequence[Command] = ()
    ) -> tuple[list[Any], list[Any]]:
        """Make calls in their order and run commands after them, all in one round trip.

        Returns:
            What each call answered, and each command.

        Raises:
            BrokerUnavailable: as `run`; some may have been made, and all may be made again.
        """
        name = calls[0].script if len(calls) == 1 else SEVERAL
        answers = self.guard(lambda: self._send_all(calls, commands), name)
        made = zip(calls, answers, strict=False)
        return [call.read(answer) for call, answer in made], answers[len(calls) :]

    def _send_all(self, calls: Sequence[ScriptCall[Any]], commands: Sequence[Command]) -> list[Any]:
        def send() -> list[Any]:
            with self.redis.pipeline(transaction=False) as pipeline:
                for call in calls:
                    keys, values = self._pack(call.arguments)
                    pipeline.evalsha(self.registered[call.script].sha, 1, *keys, *values)
                for command in commands:
                    pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
                return list(pipeline.execute())

        try:
            return send()
        except NoScriptError:
            # A broker that was started anew, or was never asked: from here on it knows them.
            for name in {call.script for call in calls}:
                self.redis.script_load(self.registered[name].script)
            return send()

    def _pack(self, arguments: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
        # Absent values are left out: in Lua a JSON null is something that is there.
        given = {name: value for name, value in arguments.items() if value is not None}
        key = self.key("job", str(arguments.get("job_id", "none")))
        return [key], [self.namespace, json.dumps(given)]

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
