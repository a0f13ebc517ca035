"""Alerts and dashboards: every metric exists, every alert fires in a test and has a runbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.contract.errors import iter_error_classes
from service.telemetry.families import FAMILIES
from tests.support.metrics import run_promtool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
RULES_TEST = ROOT / "deploy" / "prometheus" / "rules_test.yaml"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))

METRIC = re.compile(r"\bpaintjob(?:_[a-z0-9]+)+\b")
RECORDED = re.compile(r"\bpaintjob(?::\w+)+")
SELECTOR = re.compile(r"(paintjob(?:_[a-z0-9]+)+)\{([^}]*)\}")
GROUPING = re.compile(r"\bby \(([^)]*)\)")


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return list(group["rules"])


def _alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in _rules() if "alert" in rule}


def _expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in _rules())
    for dashboard in DASHBOARDS:
        for panel in json.loads(dashboard.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def _shown() -> dict[str, set[str]]:
    """Return the names that processes show, with their labels."""
    found: dict[str, set[str]] = {}
    for family in FAMILIES:
        if family.kind == "histogram":
            for suffix in ("_bucket", "_sum", "_count"):
                found[family.name + suffix] = {*family.labels, "le"}
        else:
            found[family.shown_name] = set(family.labels)
    return found


def test_rules_and_dashboards_name_metrics_that_exist() -> None:
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    for expression in _expressions():
        assert set(METRIC.findall(expression)) <= set(_shown()), expression
        assert set(RECORDED.findall(expression)) <= recorded, expression


def test_rules_and_dashboards_select_by_labels_that_exist() -> None:
    shown = _shown()
    own = set().union(*shown.values()) | {"job", "instance"}
    for expression in _expressions():
        for name, selector in SELECTOR.findall(expression):
            assert set(re.findall(r"(\w+)[=!]~?", selector)) <= shown[name] | {"job"}, expression
        for labels in GROUPING.findall(expression):
            assert set(labels.split(", ")) <= own, expression


def test_every_metric_is_shown_somewhere() -> None:
    used = {name for expression in _expressions() for name in METRIC.findall(expression)}
    bare = {re.sub("_(bucket|sum|count)$", "", name) for name in used} | used
    assert {family.shown_name for family in FAMILIES} - bare == set()


def test_every_alert_fires_in_its_test() -> None:
    tests = yaml.safe_load(RULES_TEST.read_text())["tests"]
    fired, silent = set[str](), set[str]()
    for case in (one for test in tests for one in test["alert_rule_test"]):
        (fired if case.get("exp_alerts") else silent).add(case["alertname"])
    assert fired == silent == set(_alerts())


def test_every_alert_has_a_runbook_entry() -> None:
    titles = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    assert titles == list(_alerts())
    for name, rule in _alerts().items():
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"


def test_codes_in_rules_are_those_of_errors() -> None:
    codes = {error.code for error in iter_error_classes()}
    for expression in (rule["expr"] for rule in _rules()):
        for code in re.findall(r'code!?="(\w+)"', expression):
            assert code in codes, expression


def test_promtool_fires_every_alert() -> None:
    run_promtool("test", "rules", str(RULES_TEST))


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_have_no_panel_twice(dashboard: Path) -> None:
    document = json.loads(dashboard.read_text())
    titles = [panel["title"] for panel in document["panels"]]
    assert len(titles) == len(set(titles))
    assert dashboard.stem == document["uid"]
