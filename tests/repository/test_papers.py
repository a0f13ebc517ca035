"""What the papers say of the repository is true: links lead somewhere, commands exist."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from service import cli
from service.guide.pages import list_contents
from service.guide.rendering import iter_sections
from tests.support.documents import DOCUMENTS, RUNNABLE, read_steps

ROOT = Path(__file__).parents[2]
PAPERS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("demo/**/*.md")],
)
LINK = re.compile(r"\[[^\]]*\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)")
ELSEWHERE = re.compile(r"\]\((https?:[^)]*)\)|<(https?:[^>]*)>")


DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
MAPS = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"]
"""Papers that say where things lie."""

PATH = re.compile(r"`((?:service|worker|tests|demo|benchmarks|deploy|docs)/[\w./-]*)`")
LEFT_OUT = {"config", "contract", "telemetry"}
"""What nearly every folder of the service imports; the drawing shows the rest."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("paper", PAPERS, ids=_name)
def test_links_lead_somewhere(paper: Path) -> None:
    for target, anchor in LINK.findall(_read_prose(paper)):
        reached = paper.parent / target if target else paper
        assert reached.exists(), target
        if anchor and reached.suffix == ".md":
            assert anchor in _read_anchors(reached), f"{target}#{anchor}"


@pytest.mark.parametrize("paper", PAPERS, ids=_name)
def test_links_to_other_sites_are_whole(paper: Path) -> None:
    for found in ELSEWHERE.findall(_read_prose(paper)):
        url = urlsplit("".join(found))
        assert url.scheme == "https" or _is_of_readers_machine(url.hostname), url.geturl()
        assert re.fullmatch(r"[\w.-]+", url.hostname or ""), url.geturl()


def _is_of_readers_machine(host: str | None) -> bool:
    return host in ("127.0.0.1", "localhost")


def _read_prose(paper: Path) -> str:
    """Return a document without its code, in which brackets mean other things."""
    return re.sub(
        r"^ *```.*?^ *```$|`[^`\n]*`", "", paper.read_text(), flags=re.DOTALL | re.MULTILINE
    )


def _read_anchors(paper: Path) -> set[str]:
    return {heading.anchor for heading, _ in iter_sections(paper.read_text())}


@pytest.mark.parametrize("paper", DOCUMENTS, ids=_name)
def test_code_is_run_or_says_why_not(paper: Path) -> None:
    for step in read_steps(paper):
        where = f"{_name(paper)}:{step.line}"
        if step.language in RUNNABLE:
            assert step.kind, f"{where}: mark it as tests/support/documents.py describes"
        if step.kind == "run by":
            # Which reads the document: the test, or what it imports for it.
            assert paper.name in (ROOT / step.argument).read_text(), f"{where}: {step.argument}"
        if step.language == "json":
            json.loads(step.code)
        if step.language == "yaml":
            yaml.safe_load(step.code)


def test_every_warning_is_explained() -> None:
    text = "\n".join(file.read_text() for file in _sources())
    given = set(re.findall(r"Warning\(\s*code=\"(\w+)\"|_UNUSED: Final = \"(\w+)\"", text))
    codes = {code for pair in given for code in pair if code}
    assert _read_anchors(ROOT / "docs" / "warnings.md") >= codes
    assert {"low_confidence", "no_worker_online", "prompt_unused", "simpler_fill"} <= codes


def _sources() -> Iterator[Path]:
    for package in ("service", "worker"):
        yield from (ROOT / package).rglob("*.py")


def test_guide_lists_every_document() -> None:
    listed = {page.name for _, pages in list_contents() for page in pages}
    folder = ROOT / "docs"
    expected = [*folder.glob("*.md"), *folder.glob("recipes/*.md")]
    assert {str(path.relative_to(folder)) for path in expected} - {"README.md"} <= listed


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
