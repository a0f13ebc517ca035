"""The users of `deploy/valkey.acl` may do what the scripts of their role do, and little else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.store import SCRIPTS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "service" / "store" / "scripts"

_OTHERS = {
    "worker": {"claim", "renew", "report", "finish", "release", "presence", "reap"},
    "courier": {"reap", "take_wipes", "take_webhooks", "end_webhook", "gauges"},
    "operator": {"add_key", "revoke_key", "add_webhook_key", "gauges", "queue", "usage"},
}
ROLES = {
    **_OTHERS,
    "api": {name for name in SCRIPTS if all(name not in names for names in _OTHERS.values())}
    | {"queue", "usage"},
}

_CONNECTION = {"ping", "hello", "auth", "client|setinfo", "info", "evalsha", "script|load"}
_PIPELINES = {"script|exists", "multi", "exec"}
DIRECT = {
    "api": {"client|id", "client|unblock", "mget", "smembers", "xrange", "xread", "xrevrange"}
    | _PIPELINES
    | {"rpush", "expire", "hgetall"},
    # Most are RQ's, for its register of workers and its list.
    "worker": {"client|setname", "client|info", "blmove", "lpop", "lrem"}
    | {"srem", "hexists", "expire", "subscribe", "unsubscribe"}
    | _PIPELINES,
    "courier": {"hvals", "sadd", "expire", "smembers", "mget", "zrange"} | _PIPELINES,
    "operator": {"exists", "zrange", "hvals", "hdel", "smembers", "mget", "hgetall"},
}
"""Commands that are called by no script."""


@dataclass(frozen=True)
class Needs:
    """The commands of a script, and the families of keys that it names."""

    commands: set[str]
    keys: set[str]


def _read_library() -> dict[str, str]:
    text = (FOLDER / "_lib.lua").read_text()
    found = re.findall(r"local function (\w+)\([^)]*\)\n(.*?)\nend\n", text, flags=re.DOTALL)
    return dict(found)


def _find_needs(scripts: set[str]) -> Needs:
    """Follow the scripts into the functions of the library that they call."""
    library, left = _read_library(), [(FOLDER / f"{name}.lua").read_text() for name in scripts]
    # Each script asks for the time, and is sent to the server of this key.
    needs, seen = Needs({"time"}, {"job:*"}), set[str]()
    while left:
        text = left.pop()
        needs.commands.update(name.lower() for name in re.findall(r"redis\.p?call\('(\w+)'", text))
        needs.keys.update(
            name + (":*" if more == "," else "")
            for name, more in re.findall(r"key\('(\w+)'([,)])", text)
        )
        called = {name for name in library if re.search(rf"\b{name}\(", text)} - seen
        seen |= called
        left += [library[name] for name in called]
    return needs


def _read_user(role: str) -> Needs:
    lines = (ROOT / "deploy" / "valkey.acl").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"user paintjob-{role} "))
    words = line.split()
    assert "-@all" in words and "resetchannels" in words
    commands = {word.removeprefix("+") for word in words if word.startswith("+")}
    keys = {word.partition("{paintjob}:")[2] for word in words if "~{paintjob}:" in word}
    return Needs(commands, keys)


def test_every_script_belongs_to_a_role() -> None:
    assert {name for names in ROLES.values() for name in names} == set(SCRIPTS)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_users_may_call_what_their_role_calls_and_no_more(role: str) -> None:
    needs, granted = _find_needs(ROLES[role]), _read_user(role)
    assert granted.commands == needs.commands | DIRECT[role] | _CONNECTION
    assert granted.keys >= needs.keys


def test_secrets_are_reached_by_those_alone_who_use_them() -> None:
    assert not _read_user("worker").keys & {"key:*", "keys", "webhook_keys:*", "tenant_keys:*"}
    assert not _read_user("courier").keys & {"key:*", "keys", "tenant_keys:*"}
    assert (ROOT / "deploy" / "valkey.acl").read_text().startswith("user default off\n")
