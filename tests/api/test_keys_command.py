"""`paintjob keys`: what it prints, and what it refuses."""

from __future__ import annotations

import sys

import pytest

from service import cli
from service.contract.keys import KeyLimits, find_key_id
from service.store import connect


class Run:
    """Runs the command on the empty broker."""

    def __init__(
        self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.url, self._monkeypatch, self._capsys = url, monkeypatch, capsys
        monkeypatch.setenv("PAINTJOB_REDIS_URL", url)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["paintjob", "keys", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return (int(caught.value.code or 0), *self._capsys.readouterr())


@pytest.fixture
def run(
    broker_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    return Run(broker_url, monkeypatch, capsys)


def test_keys_are_created_listed_and_revoked(run: Run) -> None:
    limits = "requests_per_minute=60, megapixels_per_minute=2.5,weight=2"
    scopes = "jobs:read,jobs:write"
    status, out, err = run("create", "--tenant", "acme", "--limits", limits, "--scopes", scopes)
    key_id = find_key_id(out.strip())
    assert status == 0
    assert key_id is not None
    assert "only now" in err
    store = connect(run.url)
    kept = store.keys.find(key_id)
    store.redis.close()
    assert kept is not None
    assert kept.limits == KeyLimits(requests_per_minute=60, megapixels_per_minute=2.5, weight=2)

    listed = run("list")[1]
    assert key_id in listed
    assert "requests_per_minute=60,megapixels_per_minute=2.5,weight=2" in listed
    assert " active " in listed
    assert out.strip().rpartition("_")[2] not in listed
    assert run("revoke", key_id)[0] == 0
    assert " revoked " in run("list")[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "--tenant", "A:B"), "tenant"),
        (("create", "--tenant", "a", "--scopes", "admin"), "jobs:read, jobs:write"),
        (("create", "--tenant", "a", "--scopes", ","), "jobs:read, jobs:write"),
        (("create", "--tenant", "a", "--limits", "weight"), "weight"),
        (("create", "--tenant", "a", "--limits", "weight=0"), "weight"),
        (("create", "--tenant", "a", "--limits", "weight=1,weight=2"), "once"),
        (("create", "--tenant", "a", "--limits", "speed=1"), "requests_per_minute"),
        (("revoke", "000000000000"), "keys list"),
    ],
)
def test_mistakes_are_told_in_one_line(run: Run, arguments: tuple[str, ...], told: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert told in err
    assert err.count("\n") == 1


def test_keys_need_a_broker(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAINTJOB_REDIS_URL", "redis://127.0.0.1:1")
    status, _, err = run("list")
    assert status == 1
    assert "broker" in err
