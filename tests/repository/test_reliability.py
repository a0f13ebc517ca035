"""The table of faults in docs/reliability.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "reliability.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)


def _rows() -> list[list[str]]:
    """Return the cells of each row of the table of faults."""
    table = TEXT.partition("| fault |")[2].partition("\n\n")[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_fault_names_a_test_or_says_that_there_is_none() -> None:
    rows = _rows()
    assert len(rows) > 40
    for fault, _, tests in rows:
        assert re.search(r"`[\w/]+\.py::\w+`", tests) or tests == "not tested", fault
