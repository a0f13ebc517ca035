from __future__ import annotations

from typing import Any

import pytest

from service.config import ServiceSettings
from service.contract.settings import ALL_FIELDS


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
        {"PAINTJOB_PUBLIC_URL": "https://x.example/"},
        {"PAINTJOB_PUBLIC_URL": "x.example"},
    ],
)
def test_bad_settings_are_refused(environ: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"PROT|Settings"):
        ServiceSettings.from_env(environ)


def test_every_setting_is_known_to_the_other_processes() -> None:
    assert set(ServiceSettings.model_fields) <= ALL_FIELDS
