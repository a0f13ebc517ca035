"""Linters of OpenAPI documents find nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.other_tools import DOCUMENT, need_packages, run

pytestmark = pytest.mark.slow


def test_redocly_finds_nothing(tmp_path: Path) -> None:
    need_packages()
    found = run(
        "redocly", "lint", DOCUMENT, "--extends=recommended", "--format=json", folder=tmp_path
    )
    assert json.loads(found[found.index("{") : found.rindex("}") + 1])["problems"] == []


def test_spectral_finds_nothing(tmp_path: Path) -> None:
    need_packages()
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"extends": ["spectral:oas"]}))
    options = ["--ruleset", str(rules), "--format", "json", "--quiet", "--fail-severity", "error"]
    assert json.loads(run("spectral", "lint", DOCUMENT, *options, folder=tmp_path)) == []
