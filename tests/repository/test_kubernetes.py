"""The chart: its deployments are valid, and keep to policies."""

from __future__ import annotations

import re

import pytest

from tests.support.manifests import (
    CHART,
    DEPLOYMENTS,
    KUBERNETES,
    OPTIONS,
    OWN_SCHEMAS,
    Document,
    check_schema_is_one,
    find_faults,
    iter_containers,
    iter_pods,
    iter_processes,
    load,
    matches,
    name_of,
    of_kind,
    read_documents,
    render,
    run_tool,
)

SECRET_FIELD = re.compile(r"password|secret|token|_key$|redis_url|dsn")

deployments = pytest.mark.parametrize("name", DEPLOYMENTS)
with_options = pytest.mark.parametrize("name", [*DEPLOYMENTS, OPTIONS])


def _most_replicas(documents: list[Document], workload: Document) -> int:
    scalers = of_kind(documents, "HorizontalPodAutoscaler", "ScaledObject")
    for scaler in scalers:
        if scaler["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]:
            spec = scaler["spec"]
            return int(spec.get("maxReplicas") or spec["maxReplicaCount"])
    return int(workload["spec"]["replicas"])


# Lint, render, schema -----------------------------------------------------------------------------


@deployments
def test_chart_passes_lint(name: str) -> None:
    files = ["production", "gpu"] if name == "gpu" else [name]
    values = [arg for file in files for arg in ("--values", str(CHART / "values" / f"{file}.yaml"))]
    assert "0 chart(s) failed" in run_tool("helm", "lint", "--strict", str(CHART), *values)


@deployments
def test_plain_manifests_are_what_the_chart_renders(name: str) -> None:
    committed = KUBERNETES / "manifests" / name / "paintjob.yaml"
    assert committed.read_text() == render(name), "run `make manifests`"


@deployments
def test_kustomize_takes_the_plain_manifests(name: str) -> None:
    built = run_tool("kubectl", "kustomize", str(KUBERNETES / "manifests" / name))
    found = {name_of(document): document for document in read_documents(built)}
    assert found == {name_of(document): document for document in load(name)}


@with_options
def test_every_document_is_valid(name: str) -> None:
    faults = {name_of(document): find_faults(document) for document in load(name)}
    assert {each: found for each, found in faults.items() if found} == {}


def test_own_schemas_are_schemas() -> None:
    for path in OWN_SCHEMAS.glob("*.json"):
        check_schema_is_one(path)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--set", "blobs.url=s3://b"], "broker.existingSecret"),
        (["--set", "broker.existingSecret=b"], "blobs.url"),
        (["--set", "workers[0].quueue=paint-cpu"], "quueue"),
        (["--set", "settings.PAINTJOB_REDIS_URL=redis://x"], "PAINTJOB_REDIS_URL"),
    ],
    ids=["no broker", "no blobs", "unknown field", "secret as a setting"],
)
def test_chart_refuses_values_that_do_not_do(arguments: list[str], reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        run_tool("helm", "template", "paintjob", str(CHART), *arguments)


# Policies -----------------------------------------------------------------------------------------


@with_options
def test_pods_have_no_privileges(name: str) -> None:
    for each, pod, container in iter_containers(load(name)):
        context = pod["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] > 0, each
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, each
        assert pod["automountServiceAccountToken"] is False, each
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), each
        assert all("hostPath" not in volume for volume in pod.get("volumes", [])), each
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, each


@with_options
def test_containers_are_bounded_and_watched(name: str) -> None:
    for each, _, container in iter_containers(load(name)):
        for bound in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][bound]), each
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), each
        _, _, tag = container["image"].rpartition(":")
        assert tag and "/" not in tag and tag != "latest", container["image"]


@with_options
def test_pods_may_write_where_the_processes_do(name: str) -> None:
    for _, pod, container in iter_processes(name):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert {"/tmp", "/data"} <= set(mounts)  # noqa: S108 - a mount within the pod
        assert set(mounts.values()) == {volume["name"] for volume in pod["volumes"]}
        emptied = [volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume]
        assert all("sizeLimit" in volume for volume in emptied)


@with_options
def test_what_has_several_pods_is_spread_and_has_a_budget(name: str) -> None:
    documents = load(name)
    budgets = of_kind(documents, "PodDisruptionBudget")
    for document, template in iter_pods(documents):
        labels = template["metadata"]["labels"]
        covering = [each for each in budgets if matches(each["spec"]["selector"], labels)]
        assert len(covering) == (_most_replicas(documents, document) > 1), name_of(document)
        for spread in template["spec"].get("topologySpreadConstraints", []):
            assert matches(spread["labelSelector"], labels), name_of(document)


@with_options
def test_selectors_select_pods_of_one_component_alone(name: str) -> None:
    for document, template in iter_pods(load(name)):
        selected = [
            name_of(other)
            for other, pod in iter_pods(load(name))
            if matches(document["spec"]["selector"], pod["metadata"]["labels"])
        ]
        assert selected == [name_of(document)]
        assert template["metadata"]["labels"].items() >= document["metadata"]["labels"].items()


@with_options
def test_network_policies_close_every_pod(name: str) -> None:
    policies = [each["spec"] for each in of_kind(load(name), "NetworkPolicy")]
    for document, template in iter_pods(load(name)):
        labels = template["metadata"]["labels"]
        closed = {
            direction
            for policy in policies
            if matches(policy["podSelector"], labels)
            for direction in policy["policyTypes"]
        }
        assert closed == {"Ingress", "Egress"}, name_of(document)
    for policy in policies:
        for source in policy.get("ingress", []):
            opened = {port["port"] for port in source["ports"]}
            assert source.get("from") or opened == {8080}, "only the API is for everyone"


@deployments
def test_no_secret_lies_in_the_open(name: str) -> None:
    documents = load(name)
    assert of_kind(documents, "Secret") == [], "value files name Secrets, and have none"
    for config in of_kind(documents, "ConfigMap"):
        for key in config["data"]:
            assert not SECRET_FIELD.search(key.lower()), key
    for _, _, container in iter_containers(documents):
        for entry in container["env"]:
            value = entry.get("value", "")
            assert not re.search(r"://[^/]*:[^$/@]+@", value), entry
            if SECRET_FIELD.search(entry["name"].lower()):
                assert "valueFrom" in entry or "$(" in value, entry
