"""The code in the documents, and what is to be done with each piece of it.

Above a fence stands a comment, which readers do not see:

- `<!-- run -->`: it is run, in the order of the page, in a folder with the pictures of the guide;
- `<!-- serve 5001 -->`: it is started, and answers on that port before the next piece is run;
- `<!-- file: NAME -->`: it is written to that file;
- `<!-- run by tests/… -->`: that test runs it;
- `<!-- not run: REASON -->`.

Two comments are code themselves, for what a reader has or does anyway: `<!-- prepare: … -->` and
`<!-- check: … -->` are run by bash, `<!-- serve PORT: … -->` is started by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
RUNNABLE = {"sh", "bash", "console", "python", "js", "ts"}
"""Languages of fences that need a mark."""

_PIECE = re.compile(
    r"^(?P<indent> *)<!--\s*(?P<mark>.*?)\s*-->\n"
    r"|^ *```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Step:
    """A piece of code and its mark.

    Attributes:
        line: where it begins in the document.
        language: of the fence; `sh` for a comment that is code itself.
        code: the code.
        kind: `run`, `serve`, `file`, `run by`, `not run`; empty without a mark.
        argument: of the mark: a port, a name, a test or a reason.
    """

    line: int
    language: str
    code: str
    kind: str
    argument: str = ""


def read_steps(document: Path) -> list[Step]:
    """Return all pieces of code of a document, in their order."""
    return list(_iter_steps(document.read_text()))


def _iter_steps(text: str) -> Iterator[Step]:
    kind, argument = "", ""
    for piece in _PIECE.finditer(text):
        line = text.count("\n", 0, piece.start()) + 1
        if piece["mark"] is None:
            yield Step(line, piece["language"], piece["code"], kind, argument)
            kind, argument = "", ""
            continue
        kind, argument, code = _read_mark(piece["mark"])
        if code:
            yield Step(line, "sh", code, kind, argument)
            kind, argument = "", ""


def _read_mark(mark: str) -> tuple[str, str, str]:
    """Return kind, argument and code of a mark; all empty for another comment."""
    if by := re.fullmatch(r"run by (\S+)", mark):
        return "run by", by[1], ""
    if why := re.fullmatch(r"(not run|file):\s*(.+)", mark, re.DOTALL):
        return why[1], why[2], ""
    if hidden := re.fullmatch(r"(prepare|check|serve)(?: (\d+))?:\s*(.+)", mark, re.DOTALL):
        kind = "serve" if hidden[1] == "serve" else "run"
        return kind, hidden[2] or "", hidden[3]
    if plain := re.fullmatch(r"(run|serve)(?: (\d+))?", mark):
        return plain[1], plain[2] or "", ""
    return "", "", ""
