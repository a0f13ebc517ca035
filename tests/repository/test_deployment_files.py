"""The files under `deploy/` fit the program, as far as no container engine is needed to tell."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from service.api.gunicorn_conf import graceful_timeout
from service.api.requests.preferences import MAX_WAIT_SECONDS
from service.config import ServiceSettings
from service.contract.settings import PREFIX, find_known_fields
from service.contract.version import get_version
from tests.support.manifests import CHART, TOOLS
from tests.support.metrics import run_promtool
from worker.config import WorkerSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILES = sorted(DEPLOY.glob("Dockerfile.*"))
COMPOSE_SCHEMA = TOOLS / "check_jsonschema" / "builtin_schemas" / "vendor" / "compose-spec.json"
FOR_LIBRARIES = {"HF_HOME", *(f"AWS_{name}" for name in ("ENDPOINT_URL", "REGION"))}
FOR_LIBRARIES |= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


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


PROFILES = {
    None: {"proxy", "valkey", "api", "worker", "courier"},
    "gpu": {"worker-gpu"},
    "monitoring": {"prometheus", "grafana"},
    "s3": {"s3", "bucket"},
}
OURS = ("api", "worker", "worker-gpu", "courier")


def test_compose_is_valid_by_its_schema() -> None:
    if not COMPOSE_SCHEMA.exists():
        pytest.skip("the schema of compose files is not here: make .venv/kubernetes.stamp")
    Draft202012Validator(json.loads(COMPOSE_SCHEMA.read_text())).validate(_compose())


def test_compose_runs_every_process_and_the_rest_by_profiles() -> None:
    found: dict[str | None, set[str]] = {}
    for name, service in _compose()["services"].items():
        [profile] = service.get("profiles", [None])
        found.setdefault(profile, set()).add(name)
    assert found == PROFILES


def test_compose_lets_no_container_do_more_than_it_must() -> None:
    for name, service in _compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"] and "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
        # Of our own images, the check is in the Dockerfile; the bucket's container ends.
        assert "healthcheck" in service or name in {*OURS, "bucket"}, name


def test_compose_publishes_ports_of_this_machine_alone_and_not_the_api() -> None:
    services = _compose()["services"]
    published = {name for name, service in services.items() if service.get("ports")}
    assert published == {"proxy", "prometheus", "grafana"}
    for name in published:
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])


def test_compose_has_the_api_believe_the_proxy_alone() -> None:
    document = _compose()
    on_front = {n for n, each in document["services"].items() if "front" in each["networks"]}
    assert on_front == {"proxy", "api"}
    [subnet] = document["networks"]["front"]["ipam"]["config"]
    trusted = document["services"]["api"]["environment"]["PAINTJOB_TRUSTED_PROXIES"]
    assert trusted == subnet["subnet"]


def test_compose_mounts_what_exists() -> None:
    for service in _compose()["services"].values():
        for volume in service.get("volumes", []):
            if volume.startswith("."):
                assert (DEPLOY / volume.partition(":")[0]).is_dir(), volume


def test_compose_has_prometheus_read_every_process() -> None:
    text = (DEPLOY / "prometheus" / "prometheus.yaml").read_text()
    jobs = yaml.safe_load(text)["scrape_configs"]
    read = {name for job in jobs for name in job["dns_sd_configs"][0]["names"]}
    assert read == set(OURS)
    assert {job["job_name"] for job in jobs} == {
        "paintjob-api",
        "paintjob-courier",
        "paintjob-worker",
    }
    for name in OURS:
        assert _compose()["services"][name]["environment"]["PAINTJOB_METRICS_PORT"] == "9100"
    run_promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yaml"))


def _read_nginx(name: str, directive: str) -> list[str]:
    text = (DEPLOY / "nginx" / name).read_text()
    return re.findall(rf"^\s*{directive} (\S+);", text, flags=re.MULTILINE)


def test_limits_of_the_proxy_leave_the_api_to_refuse_in_its_own_words() -> None:
    settings = ServiceSettings()
    bodies = [
        int(size[:-1]) * 2**20 for size in _read_nginx("paintjob.conf", "client_max_body_size")
    ]
    assert min(bodies) > settings.max_body_bytes
    assert max(bodies) > settings.max_batch_body_bytes
    [read] = _read_nginx("paintjob.conf", "proxy_read_timeout")
    assert _seconds(read) > MAX_WAIT_SECONDS
    [head] = _read_nginx("paintjob.conf", "client_header_timeout")
    assert _seconds(head) == settings.client_head_seconds
    [silence] = _read_nginx("paintjob.conf", "client_body_timeout")
    assert _seconds(silence) == settings.client_silence_seconds
    [idle] = _read_nginx("upstream.conf", "keepalive_timeout")
    assert _seconds(idle) < settings.keepalive_seconds


def test_settings_of_the_s3_profile_fit_the_compose_file() -> None:
    lines = (DEPLOY / "s3.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    services, text = _compose()["services"], (DEPLOY / "compose.yaml").read_text()
    for name in given:
        assert name in services["api"]["environment"]
        assert services["api"]["environment"][name] is None or f"${{{name}:-" in text
    bucket = given["PAINTJOB_BLOB_URL"].removeprefix("s3://")
    assert f"-name {bucket} " in services["bucket"]["command"][0]
    assert given["AWS_ENDPOINT_URL"] == "http://s3:8333"


def test_compose_gives_every_process_the_same_broker_and_blobs() -> None:
    services = _compose()["services"]
    shared = ("PAINTJOB_REDIS_URL", "PAINTJOB_BLOB_URL", "PAINTJOB_DATA_DIR")
    found = {tuple(services[name]["environment"][key] for key in shared) for name in OURS}
    assert len(found) == 1
    assert {services[name]["volumes"][0] for name in OURS} == {"blobs:/data"}


def test_compose_sets_known_settings_only() -> None:
    for name in OURS:
        for setting in _compose()["services"][name]["environment"]:
            if setting not in FOR_LIBRARIES:
                assert setting.removeprefix(PREFIX).lower() in find_known_fields()


def test_compose_waits_longer_than_the_processes_drain() -> None:
    services = _compose()["services"]
    assert _seconds(services["api"]["stop_grace_period"]) > graceful_timeout
    drain = float(services["worker"]["environment"]["PAINTJOB_DRAIN_SECONDS"])
    assert _seconds(services["worker"]["stop_grace_period"]) > drain
    assert drain == WorkerSettings().drain_seconds


def test_compose_fails_a_job_before_the_kernel_kills_its_worker() -> None:
    worker = _compose()["services"]["worker"]
    limit = int(worker["deploy"]["resources"]["limits"]["memory"].removesuffix("g")) * 2**30
    assert int(worker["environment"]["PAINTJOB_CHILD_MEMORY_BYTES"]) < 0.9 * limit


def test_compose_keeps_the_broker_durable_and_away_from_the_network() -> None:
    services = _compose()["services"]
    command = services["valkey"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert "ports" not in services["valkey"]


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
    assert set(found) == {
        "GRAFANA_IMAGE",
        "NGINX_IMAGE",
        "PROMETHEUS_IMAGE",
        "PYTHON_IMAGE",
        "S3_IMAGE",
        "VALKEY_IMAGE",
    }
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


def test_bake_builds_every_image_of_the_chart_for_both_processors() -> None:
    bake = json.loads((DEPLOY / "docker-bake.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())["images"]
    wanted = {image["repository"] for image in values.values() if isinstance(image, dict)}
    built = {name: bake["target"][name] for name in bake["target"] if name != "common"}
    assert {target["tags"][0].split("/")[-1].split(":")[0] for target in built.values()} >= wanted
    for target in built.values():
        assert target["inherits"] == ["common"]
        assert (DEPLOY.parent / target["dockerfile"]).is_file()
        extra = target.get("args", {}).get("REQUIREMENTS")
        assert extra is None or (DEPLOY / "requirements" / f"{extra}.txt").is_file()
    assert bake["target"]["common"]["platforms"] == ["linux/amd64", "linux/arm64"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert bake["variable"]["VERSION"]["default"] == chart["appVersion"] == get_version()


def test_images_install_the_extras_that_their_settings_need() -> None:
    for dockerfile in DOCKERFILES:
        sets = {"extras"} if dockerfile.name == "Dockerfile.api" else {"provenance"}
        text = dockerfile.read_text()
        assert all(name in text for name in sets), dockerfile.name
