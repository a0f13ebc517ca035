from __future__ import annotations

from typing import Any

import pytest

from service.api.requests.batch_body import MAX_ITEMS
from service.config import ServiceSettings
from service.contract.settings import find_known_fields


def test_settings_have_defaults() -> None:
    settings = ServiceSettings.from_env({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.public_url == ""


def test_settings_are_read_from_the_environment() -> None:
    environ = {"PAINTJOB_PORT": "0", "PAINTJOB_PUBLIC_URL": "https://x.example/a", "OTHER": "1"}
    settings = ServiceSettings.from_env(environ)
    assert (settings.port, settings.public_url) == (0, "https://x.example/a")


@pytest.mark.parametrize(
    "environ",
    [
        {"PAINTJOB_PROT": "1"},
        {"PAINTJOB_PORT": "70000"},
        {"PAINTJOB_QUEUE_LIMIT": "0"},
        {"PAINTJOB_WORKER_ABSENCE_SECONDS": "inf"},
        {"PAINTJOB_CLIENT_HEAD_SECONDS": "nan"},
        {"PAINTJOB_KEY_UNFINISHED_JOBS": "1000001"},
        {"PAINTJOB_KEY_REQUESTS_PER_MINUTE": "1000001"},
        {"PAINTJOB_KEY_MEGAPIXELS_PER_MINUTE": "1000001"},
        {"PAINTJOB_PUBLIC_URL": "https://x.example/"},
        {"PAINTJOB_PUBLIC_URL": "x.example"},
    ],
)
def test_bad_settings_are_refused(environ: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^PAINTJOB_\w+(=\S*: (must|has)| is no setting)"):
        ServiceSettings.from_env(environ)


def test_key_of_a_client_is_no_setting_of_the_service() -> None:
    assert ServiceSettings.from_env({"PAINTJOB_KEY": "pj_x"}) == ServiceSettings()
    assert "key" not in find_known_fields()


def test_variables_that_kubernetes_sets_for_a_service_are_ignored() -> None:
    environ = {
        "PAINTJOB_PORT": "tcp://10.0.0.7:8080",
        "PAINTJOB_SERVICE_HOST": "10.0.0.7",
        "PAINTJOB_SERVICE_PORT": "8080",
        "PAINTJOB_SERVICE_PORT_HTTP": "8080",
        "PAINTJOB_PORT_8080_TCP": "tcp://10.0.0.7:8080",
        "PAINTJOB_PORT_8080_TCP_PROTO": "tcp",
        "PAINTJOB_API_PORT": "tcp://10.0.0.8:80",
        "PAINTJOB_API_PORT_80_TCP_ADDR": "10.0.0.8",
    }
    assert ServiceSettings.from_env(environ) == ServiceSettings()
    with pytest.raises(ValueError, match="PAINTJOB_PORT=tcp: must be"):
        ServiceSettings.from_env({"PAINTJOB_PORT": "tcp"})


@pytest.mark.parametrize(
    ("host", "address"),
    [("::1", "[::1]:8080"), ("[::1]", "[::1]:8080"), ("127.0.0.1", "127.0.0.1:8080")],
)
def test_address_of_ipv6_stands_in_brackets(host: str, address: str) -> None:
    assert ServiceSettings(host=host).address == address


def test_settings_of_other_processes_are_known_and_left_alone() -> None:
    environ = {"PAINTJOB_TORCH_THREADS": "4", "PAINTJOB_WEBHOOK_THREADS": "8"}
    assert ServiceSettings.from_env(environ) == ServiceSettings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_no_keys(host: str) -> None:
    assert not ServiceSettings.from_env({"PAINTJOB_HOST": host}).asks_for_keys


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "api.example", "127.0.0.1.example"],  # noqa: S104
)
def test_address_that_others_reach_asks_for_a_word_on_keys(host: str) -> None:
    with pytest.raises(ValueError, match="PAINTJOB_AUTH=keys"):
        ServiceSettings.from_env({"PAINTJOB_HOST": host})
    environ = {"PAINTJOB_HOST": host, "PAINTJOB_AUTH": "keys"}
    assert ServiceSettings.from_env(environ).asks_for_keys
    environ["PAINTJOB_AUTH"] = "open-to-everyone"
    assert not ServiceSettings.from_env(environ).asks_for_keys


def test_keys_may_be_asked_for_on_this_machine_too() -> None:
    assert ServiceSettings.from_env({"PAINTJOB_AUTH": "keys"}).asks_for_keys


def test_defaults_let_no_tenant_fill_a_queue_and_each_hand_in_a_batch() -> None:
    settings = ServiceSettings()
    assert MAX_ITEMS < settings.tenant_job_limit <= settings.queue_limit / 5
