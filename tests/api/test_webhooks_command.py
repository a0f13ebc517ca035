"""`paintjob webhooks`, as an operator types it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.store import connect
from tests.support.receiver import running_receiver

OPEN = {"PAINTJOB_WEBHOOK_ALLOW_HTTP": "true", "PAINTJOB_WEBHOOK_ALLOW_PRIVATE": "true"}


def _run(broker_url: str, *arguments: str, **environ: str) -> Result:
    given = {"PAINTJOB_REDIS_URL": broker_url, **environ}
    return CliRunner().invoke(app, ["webhooks", *arguments], env=given)


def test_keys_are_made_listed_and_retired(broker_url: str) -> None:
    made = _run(broker_url, "keys", "create", "--tenant", "acme")
    secret = made.stdout.strip()
    assert secret.startswith("whsec_")
    assert _run(broker_url, "keys", "create", "--tenant", "acme").exit_code == 0
    third = _run(broker_url, "keys", "create", "--tenant", "acme")
    assert "retire one first" in str(third.exception)
    listed = _run(broker_url, "keys", "list", "--tenant", "acme").stdout
    assert secret not in listed
    key_ids = [line.split()[0] for line in listed.splitlines()]
    assert len(key_ids) == 2
    retired = _run(broker_url, "keys", "retire", key_ids[0], "--tenant", "acme")
    assert "acme has 1 left" in retired.stdout
    nowhere = "redis://127.0.0.1:1"
    named = _run(nowhere, "keys", "list", "--tenant", "acme", "--redis-url", broker_url)
    assert named.stdout.split()[0] == key_ids[1]
    again = _run(broker_url, "keys", "retire", key_ids[0], "--tenant", "acme")
    assert "no such key" in str(again.exception)
    assert _run(broker_url, "keys", "list").stdout == ""
    store = connect(broker_url)
    assert len(store.signing_keys.load_all("acme")) == 1
    store.redis.close()


def test_key_of_an_odd_tenant_is_refused(broker_url: str) -> None:
    assert "tenant" in str(_run(broker_url, "keys", "create", "--tenant", "a:b").exception)


def test_trial_without_a_key_names_the_command_that_makes_one(broker_url: str) -> None:
    done = _run(broker_url, "test", "https://receiver.example/", "--tenant", "acme")
    assert "`paintjob webhooks keys create --tenant acme`" in str(done.exception)


def test_trial_sends_a_signed_job(broker_url: str) -> None:
    secret = _run(broker_url, "keys", "create").stdout.strip()
    with running_receiver() as receiver:
        done = _run(broker_url, "test", receiver.url("/hook"), **OPEN)
    assert "Delivered: 204" in done.stdout
    (received,) = receiver.received
    received.verify(secret)
    assert (received.job["status"], received.job["type"]) == ("canceled", "job.canceled")
    assert received.job["tags"] == ["webhook-test"]


@pytest.mark.parametrize(
    ("status", "said"), [(503, "refused, 503"), (301, "redirected, 301"), (0, "invalid_answer")]
)
def test_trial_says_what_went_wrong(status: int, said: str) -> None:
    with running_receiver(lambda _: status) as receiver:
        # A key of one's own asks no broker.
        done = _run("unix:///nowhere", "test", receiver.url(), "--key", "whsec_AAAA", **OPEN)
    assert said in str(done.exception)


def test_trial_knocks_at_no_private_door(broker_url: str) -> None:
    done = _run(broker_url, "test", "https://127.0.0.1/", "--key", "whsec_AAAA")
    assert "address_refused" in str(done.exception)
    no_key = _run(broker_url, "test", "https://8.8.8.8/")
    assert "keys create" in str(no_key.exception)
