"""What the papers say of the repository is true: links lead somewhere, commands exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import cli

ROOT = Path(__file__).parents[2]
PAPERS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("demo/**/*.md")],
)
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|#)([^)#]+)[^)]*\)")


DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
MAPS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"]
"""Papers that say where things lie."""

PATH = re.compile(r"`((?:service|worker|tests|demo|benchmarks|deploy|docs)/[\w./-]*)`")
LEFT_OUT = {"config", "contract", "telemetry"}
"""What nearly every folder of the service imports; the drawing shows the rest."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("paper", PAPERS, ids=_name)
def test_links_lead_somewhere(paper: Path) -> None:
    for target in LINK.findall(paper.read_text()):
        assert (paper.parent / target).exists(), target


@pytest.mark.parametrize("paper", PAPERS, ids=_name)
def test_make_targets_exist(paper: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"\bmake ([a-z-]+)`", paper.read_text()):
        assert target in targets, target


@pytest.mark.parametrize("paper", [*MAPS, *DECISIONS], ids=_name)
def test_paths_exist(paper: Path) -> None:
    for path in PATH.findall(paper.read_text()):
        assert (ROOT / path).exists(), path


def test_drawing_of_the_floors_is_what_is_imported() -> None:
    assert set(_read_drawing()) == set(_read_imports())


def _read_drawing() -> Iterator[tuple[str, str]]:
    text = (ROOT / "docs" / "architecture.md").read_text()
    drawing = text.partition("```mermaid")[2].partition("```")[0]
    for line in drawing.splitlines():
        sources, arrow, targets = re.sub(r"\[.*?\]", "", line).partition("-->")
        for source in sources.split("&") if arrow else ():
            for target in targets.split("&"):
                if target.strip() not in LEFT_OUT:
                    yield source.strip(), target.strip()


def _read_imports() -> Iterator[tuple[str, str]]:
    """Yield which folder of the service, or the worker, imports which folder of the service."""
    for file in [*ROOT.glob("service/**/*.py"), *ROOT.glob("worker/**/*.py")]:
        parts = file.relative_to(ROOT).with_suffix("").parts
        source = parts[1] if parts[0] == "service" else "worker"
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("service."):
                target = (node.module or "").split(".")[1]
                if target not in {source, *LEFT_OUT} and source not in LEFT_OUT:
                    yield source, target


def test_commands_in_the_readme_exist() -> None:
    commands = {
        command.name or command.callback.__name__
        for command in cli.app.registered_commands
        if command.callback
    }
    groups = {group.name for group in cli.app.registered_groups}
    for name in re.findall(r"`?paintjob ([a-z]+)", (ROOT / "README.md").read_text()):
        assert name in commands | groups, name


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    listed = set(re.findall(r"\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}


def test_ci_runs_what_the_contributing_paper_says() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make check", "make test"]
