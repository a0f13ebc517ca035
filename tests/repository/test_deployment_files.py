"""The files under `deploy/` fit the program, as far as no container engine is needed to tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.api.gunicorn_conf import graceful_timeout
from service.contract.settings import PREFIX, find_known_fields
from worker.config import WorkerSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILES = sorted(DEPLOY.glob("Dockerfile.*"))


def _compose() -> dict[str, Any]:
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert isinstance(document, dict)
    return document


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def _instructions(dockerfile: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", dockerfile.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_compose_runs_every_process() -> None:
    assert set(_compose()["services"]) == {"valkey", "api", "worker", "courier"}


def test_compose_gives_every_process_the_same_broker_and_blobs() -> None:
    services = _compose()["services"]
    shared = ("PAINTJOB_REDIS_URL", "PAINTJOB_BLOB_URL", "PAINTJOB_DATA_DIR")
    found = {
        tuple(services[name]["environment"][key] for key in shared)
        for name in ("api", "worker", "courier")
    }
    assert len(found) == 1
    assert {services[name]["volumes"][0] for name in ("api", "worker", "courier")} == {
        "blobs:/data"
    }


def test_compose_sets_known_settings_only() -> None:
    for service in _compose()["services"].values():
        for name in service.get("environment", {}).keys() - {"VALKEYCLI_AUTH"}:
            assert name.removeprefix(PREFIX).lower() in find_known_fields()


def test_compose_waits_longer_than_the_processes_drain() -> None:
    services = _compose()["services"]
    assert _seconds(services["api"]["stop_grace_period"]) > graceful_timeout
    drain = float(services["worker"]["environment"]["PAINTJOB_DRAIN_SECONDS"])
    assert _seconds(services["worker"]["stop_grace_period"]) > drain
    assert drain == WorkerSettings().drain_seconds


def test_compose_keeps_the_broker_durable_and_away_from_the_network() -> None:
    services = _compose()["services"]
    command = services["valkey"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert "ports" not in services["valkey"]
    assert all(port.startswith("127.0.0.1:") for port in services["api"]["ports"])


def test_api_asks_for_keys_wherever_others_reach_it() -> None:
    instructions = _instructions(DEPLOY / "Dockerfile.api")
    settings = " ".join(value for name, value in instructions if name == "ENV")
    assert "PAINTJOB_HOST=0.0.0.0" in settings
    assert "PAINTJOB_AUTH=keys" in settings
    assert _compose()["services"]["api"]["environment"]["PAINTJOB_AUTH"] == "keys"


def test_compose_builds_from_dockerfiles_that_exist() -> None:
    for service in _compose()["services"].values():
        if "build" in service:
            context = DEPLOY / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfile_runs_as_nobody_special_and_is_watched(dockerfile: Path) -> None:
    instructions = _instructions(dockerfile)
    names = [name for name, _ in instructions]
    assert [value for name, value in instructions if name == "USER"] == ["10001"]
    # After USER nothing is installed any more.
    assert "RUN" not in names[names.index("USER") :]
    assert names.count("HEALTHCHECK") == 1
    images = [value.split()[0] for name, value in instructions if name == "FROM"]
    assert set(images) == {"${PYTHON_IMAGE}"}


def test_base_images_have_a_default_and_no_floating_tag() -> None:
    texts = [file.read_text() for file in (*DOCKERFILES, DEPLOY / "compose.yaml")]
    found = {
        name: image
        for text in texts
        for name, image in re.findall(r"\b(\w+_IMAGE)(?:=|:-)([\w./:@-]+)", text)
    }
    assert set(found) == {"PYTHON_IMAGE", "VALKEY_IMAGE"}
    for image in found.values():
        tag = image.partition(":")[2]
        assert tag and "latest" not in tag, image
    assert "slim" in found["PYTHON_IMAGE"]


def test_compose_bounds_the_broker_and_asks_for_its_password() -> None:
    services = _compose()["services"]
    command = services["valkey"]["command"]
    assert "--maxmemory" in command
    assert command[command.index("--requirepass") + 1].startswith("${VALKEY_PASSWORD:?")
    assert ":${VALKEY_PASSWORD}@" in services["worker"]["environment"]["PAINTJOB_REDIS_URL"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfile_copies_what_exists(dockerfile: Path) -> None:
    for name, value in _instructions(dockerfile):
        if name == "COPY" and not value.startswith("--from"):
            for source in value.split()[:-1]:
                assert (DEPLOY.parent / source).exists(), source


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfile_sets_known_settings_only(dockerfile: Path) -> None:
    names = set(re.findall(r"\bPAINTJOB_[A-Z_]+(?==)", dockerfile.read_text()))
    assert {name.removeprefix(PREFIX).lower() for name in names} <= find_known_fields()
