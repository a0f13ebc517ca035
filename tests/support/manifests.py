"""Renders the deployments of Kubernetes, once each, and reads what came out."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
CHART = KUBERNETES / "chart"
TOOLS = ROOT / ".venv" / "kubernetes"
OWN_SCHEMAS = ROOT / "tests" / "repository" / "schemas"
CORE_SCHEMAS = TOOLS / "kubernetes_validate" / "kubernetes-json-schema" / "v1.37.0-local-strict"
DEPLOYMENTS = ("small", "production", "gpu")
OPTIONS = "options"
"""The other way of each choice, which no deployment is for."""

ROLES = ("api", "courier", "worker")

Document = dict[str, Any]


def run_tool(name: str, *arguments: str) -> str:
    """Run helm or kubectl, and return what it printed; skip the test where it does not run."""
    try:
        done = subprocess.run(
            [TOOLS / "bin" / name, *arguments], capture_output=True, text=True, check=False
        )
    except OSError as error:
        reason = f"{name} does not run here ({error.strerror}): make .venv/kubernetes.stamp"
        if "helm" in os.environ.get("TESTS_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@cache
def render(name: str) -> str:
    """Return the manifests of a deployment, as the chart renders them."""
    run_tool("helm", "version")
    further = (
        [] if name != OPTIONS else ["--values", str(OWN_SCHEMAS.parent / "kubernetes_options.yaml")]
    )
    done = subprocess.run(
        ["/bin/sh", KUBERNETES / "render.sh", "production" if further else name, *further],
        env={**os.environ, "HELM": str(TOOLS / "bin" / "helm")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def load(name: str) -> list[Document]:
    """Return the documents of a deployment."""
    return read_documents(render(name))


def read_documents(text: str) -> list[Document]:
    """Return the documents of a YAML stream."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def name_of(document: Document) -> str:
    """Return kind and name of a document."""
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(documents: list[Document], *kinds: str) -> list[Document]:
    """Return the documents of some kinds."""
    return [document for document in documents if document["kind"] in kinds]


def iter_pods(documents: list[Document]) -> Iterator[tuple[Document, Document]]:
    """Yield each document that makes pods, with the pod's template."""
    for document in of_kind(documents, "Deployment", "StatefulSet"):
        yield document, document["spec"]["template"]


def iter_containers(documents: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    """Yield the name of each document that makes pods, the pod's specification and a container."""
    for document, template in iter_pods(documents):
        for container in template["spec"]["containers"]:
            yield name_of(document), template["spec"], container


def component_of(document: Document) -> str:
    """Return what a document is part of: `api`, `courier`, `worker`, `valkey`."""
    return str(document["metadata"]["labels"]["app.kubernetes.io/component"])


def iter_processes(name: str) -> Iterator[tuple[str, Document, Document]]:
    """Yield the role, the pod and the container of our own processes."""
    for document, template in iter_pods(load(name)):
        if component_of(document) in ROLES:
            yield component_of(document), template["spec"], template["spec"]["containers"][0]


def matches(selector: Document, labels: dict[str, str]) -> bool:
    """Return whether a label selector selects labels; `In` is the one operator that is used."""
    listed = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in listed)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in listed
    )


def find_faults(document: Document) -> list[str]:
    """Return what a document breaks of its kind's schema: Kubernetes' own, or one of ours."""
    group, _, version = document["apiVersion"].rpartition("/")
    kind = document["kind"].lower()
    own = OWN_SCHEMAS / f"{kind}.json"
    if own.exists():
        return _describe(json.loads(own.read_text()), Registry(), document)
    short = f"{group.partition('.')[0]}-{version}" if group else version
    schema = json.loads((CORE_SCHEMAS / f"{kind}-{short}.json").read_text())
    return _describe(schema, _core_registry(), document)


def _describe(schema: Any, registry: Any, document: Document) -> list[str]:
    validator = Draft202012Validator(schema, registry=registry)
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(document)]


@cache
def _core_registry() -> Any:
    path = CORE_SCHEMAS / "_definitions.json"
    definitions = DRAFT202012.create_resource(json.loads(path.read_text()))
    empty: Registry[Any] = Registry()
    return empty.with_resource("/api/_definitions.json", definitions)


def check_schema_is_one(path: Path) -> Resource[Any]:
    """Check that a file is a JSON schema, and return it."""
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    return DRAFT202012.create_resource(schema)
