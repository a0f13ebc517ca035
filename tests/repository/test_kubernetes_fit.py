"""The chart fits the program: settings, drains, probes, monitors, and the queries that scale it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.api.gunicorn_conf import graceful_timeout
from service.config import ServiceSettings
from service.contract.catalogue import read_catalogue
from service.contract.settings import PREFIX, SharedSettings, find_known_fields
from service.courier.config import CourierSettings
from service.telemetry.families import COURIER, families_of
from tests.support.manifests import (
    DEPLOYMENTS,
    OPTIONS,
    ROLES,
    ROOT,
    Document,
    component_of,
    iter_pods,
    iter_processes,
    load,
    matches,
    name_of,
    of_kind,
)
from tests.support.metrics import run_promtool
from worker.config import WorkerSettings
from worker.main import check_queue

SETTINGS: dict[str, type[SharedSettings]] = {
    "api": ServiceSettings,
    "courier": CourierSettings,
    "worker": WorkerSettings,
}
UNITS = {"Mi": 2**20, "Gi": 2**30}

with_options = pytest.mark.parametrize("name", [*DEPLOYMENTS, OPTIONS])


def _bytes(quantity: str) -> int:
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


def _environment(name: str, container: Document) -> dict[str, str]:
    """Return the variables of a container; of what a Secret has, a value in its form."""
    found: dict[str, str] = {}
    maps = {m["metadata"]["name"]: m["data"] for m in of_kind(load(name), "ConfigMap")}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            found |= maps[source["configMapRef"]["name"]]
    for entry in container["env"]:
        found[entry["name"]] = entry.get("value", "redis://user:word@broker:6379/0")
    return found


@with_options
def test_processes_take_their_settings(name: str, tmp_path: Path) -> None:
    seen = set()
    for role, _, container in iter_processes(name):
        environ = _environment(name, container)
        names = {each.removeprefix(PREFIX).lower() for each in environ if each.startswith(PREFIX)}
        assert names <= find_known_fields()
        if "PAINTJOB_MODELS_FILE" in environ:
            [models] = [c for c in of_kind(load(name), "ConfigMap") if "models.toml" in c["data"]]
            file = tmp_path / "models.toml"
            file.write_text(models["data"]["models.toml"])
            environ["PAINTJOB_MODELS_FILE"] = str(file)
        settings: Any = SETTINGS[role].from_env(environ)  # type: ignore[attr-defined]
        catalogue = read_catalogue(settings)
        if role == "worker":
            check_queue(settings.queue, catalogue)
            seen.add(settings.queue)
    assert seen == set(catalogue.queues()), "each queue has workers"


@with_options
def test_jobs_are_accepted_for_queues_that_scale_to_zero(name: str) -> None:
    scaled = of_kind(load(name), "ScaledObject")
    to_zero = any(each["spec"]["minReplicaCount"] == 0 for each in scaled)
    [api] = [container for role, _, container in iter_processes(name) if role == "api"]
    settings = ServiceSettings.from_env(_environment(name, api))
    assert (settings.worker_absence_seconds == 0) is to_zero


@with_options
def test_pods_get_the_time_that_a_drain_takes(name: str) -> None:
    for role, pod, container in iter_processes(name):
        environ, granted = _environment(name, container), pod["terminationGracePeriodSeconds"]
        if role == "api":
            pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert granted > pause + graceful_timeout
        elif role == "courier":
            assert granted > CourierSettings.from_env(environ).webhook_timeout_seconds + 5
        else:
            assert granted >= WorkerSettings.from_env(environ).drain_seconds + 15


@with_options
def test_painting_ends_before_the_kernel_kills_the_container(name: str) -> None:
    for role, _, container in iter_processes(name):
        if role == "worker":
            settings = WorkerSettings.from_env(_environment(name, container))
            limit = _bytes(container["resources"]["limits"]["memory"])
            assert (settings.find_child_memory_limit() or 0) < 0.9 * limit


@with_options
def test_probes_ask_what_the_processes_answer(name: str) -> None:
    for role, _, container in iter_processes(name):
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        environ = _environment(name, container)
        assert ports["metrics"] == int(environ["PAINTJOB_METRICS_PORT"])
        assert environ["PAINTJOB_METRICS_HOST"] == "0.0.0.0"  # noqa: S104 - within the pod
        if role == "api":
            assert ports["http"] == int(environ["PAINTJOB_PORT"])
            assert environ["PAINTJOB_AUTH"] == "keys"
        else:
            assert "$PAINTJOB_HEALTH_FILE" in container["livenessProbe"]["exec"]["command"][2]
            assert environ["PAINTJOB_HEALTH_FILE"].startswith("/tmp/")  # noqa: S108 - likewise


@with_options
def test_monitors_reach_every_process_once(name: str) -> None:
    documents = load(name)
    of_pods = [each["spec"]["selector"] for each in of_kind(documents, "PodMonitor")]
    for monitor in of_kind(documents, "ServiceMonitor"):
        of_pods += [
            {"matchLabels": service["spec"]["selector"]}
            for service in of_kind(documents, "Service")
            if matches(monitor["spec"]["selector"], service["metadata"]["labels"])
        ]
    for document, template in iter_pods(documents):
        labels = template["metadata"]["labels"]
        found = [selector for selector in of_pods if matches(selector, labels)]
        ours = component_of(document) in ROLES
        assert len(found) == int(bool(of_pods) and ours), name_of(document)


@with_options
def test_services_that_callers_reach_serve_nothing_else(name: str) -> None:
    for service in of_kind(load(name), "Service"):
        if service["spec"].get("clusterIP") != "None":
            assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]


def test_alerts_are_those_of_the_rules_file() -> None:
    [rules] = of_kind(load("production"), "PrometheusRule")
    truth = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())
    assert rules["spec"] == truth
    [changed] = of_kind(load("gpu"), "PrometheusRule")
    other = [rule for group in changed["spec"]["groups"] for rule in group["rules"]]
    expected = [rule for group in truth["groups"] for rule in group["rules"]]
    [slow] = [rule for rule in expected if rule.get("alert") == "PaintjobNoWorker"]
    slow["for"] = "15m"
    assert other == expected


# Scaling ------------------------------------------------------------------------------------------


def _query(name: str, worker: str) -> str:
    [found] = [
        each["spec"]["triggers"][0]["metadata"]["query"]
        for each in of_kind(load(name), "ScaledObject")
        if each["metadata"]["name"].endswith(f"-worker-{worker}")
    ]
    return str(found)


def test_every_worker_is_scaled_by_metrics_of_the_courier() -> None:
    shown = {family.shown_name for family in families_of(COURIER)}
    scaled = of_kind(load("gpu"), "ScaledObject")
    workers = [
        each for each in of_kind(load("gpu"), "Deployment") if component_of(each) == "worker"
    ]
    assert [each["spec"]["scaleTargetRef"]["name"] for each in scaled] == [
        each["metadata"]["name"] for each in workers
    ]
    assert all("replicas" not in each["spec"] for each in workers), "else an upgrade resets it"
    for each in scaled:
        query = each["spec"]["triggers"][0]["metadata"]["query"]
        assert set(re.findall(r"paintjob(?:_\w+)+", query)) <= shown


@pytest.mark.parametrize(
    ("series", "wanted"),
    [
        ({"waiting": 8, "busy": 1, "up": 1}, 2),
        ({"waiting": 0, "busy": 1, "up": 1}, 1),
        ({"waiting": 0, "busy": 0, "up": 1}, 0),
        ({"waiting": 1, "busy": 0, "up": 1}, 0.125),
        ({"up": 1}, 0),
        ({"up": 0}, None),
        ({}, None),
    ],
    ids=["both", "busy", "idle", "first job", "unused queue", "no broker", "no courier"],
)
def test_query_counts_the_workers_that_are_wanted(
    series: dict[str, int], wanted: float | None, tmp_path: Path
) -> None:
    of = 'namespace="paintjob",job="paintjob-courier",instance="c"'
    queue = 'queue="paint-gpu:flux"'
    names = {
        "waiting": f"paintjob_queue_waiting_jobs{{{queue},{of}}}",
        "busy": f'paintjob_workers{{{queue},state="busy",{of}}}',
        "up": f"paintjob_broker_up{{{of}}}",
    }
    shown = [{"series": names[key], "values": str(value)} for key, value in series.items()]
    # Of another deployment, which the same Prometheus may read.
    shown.append({"series": names["waiting"].replace('paintjob"', 'other"'), "values": "99"})
    sample = [] if wanted is None else [{"labels": "{}", "value": wanted}]
    case = {"expr": _query("gpu", "flux"), "eval_time": "0m", "exp_samples": sample}
    test = {"interval": "1m", "input_series": shown, "promql_expr_test": [case]}
    file = tmp_path / "query.yaml"
    file.write_text(yaml.safe_dump({"tests": [test]}))
    run_promtool("test", "rules", str(file))
