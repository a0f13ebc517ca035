"""The pages of the guide, in the order of `docs/README.md`, which is its table of contents too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

CONTENTS = "README.md"
"""File that lists the pages; as in every folder, the page at the folder's own address."""

_FOLDER = Path(str(files(__package__))) / "pages"
_SECTION = re.compile(r"^## (?P<title>.+)$")
_ENTRY = re.compile(r"^- \[(?P<label>[^\]]+)\]\((?P<name>[^)#]+\.md)\)(: (?P<summary>.+))?$")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_PICTURES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Page:
    """One document.

    Attributes:
        name: path below `docs`, such as `recipes/webhooks.md`.
        title: its first heading.
        text: the whole document, in Markdown.
        label: its name in the table of contents; empty if only its folder is listed there.
        section: title of the part of the table that it is in.
        summary: one line that says what is in it.
    """

    name: str
    title: str
    text: str
    label: str = ""
    section: str = ""
    summary: str = ""

    @property
    def address(self) -> str:
        """Path of the page below `/guide/`: its name without `.md`; a folder's ends in a slash."""
        return find_address(self.name)


def find_address(name: str) -> str:
    """Return the path below `/guide/` of the page in a file."""
    path = PurePosixPath(name)
    if path.name == CONTENTS:
        return "" if path.parent == PurePosixPath() else f"{path.parent}/"
    return str(path.with_suffix(""))


@cache
def load_pages() -> dict[str, Page]:
    """Return all pages by name: those that are listed, in their order, and those of listed folders.

    Raises:
        OSError: the package was built without its documents.
    """
    found = {CONTENTS: _read(CONTENTS)}
    for page in _list():
        found.setdefault(page.name, page)
    for folder in [Path(name).parent for name in found if name.endswith(f"/{CONTENTS}")]:
        for file in sorted((_FOLDER / folder).glob("*.md")):
            name = str(folder / file.name)
            found.setdefault(name, _read(name, section=found[f"{folder}/{CONTENTS}"].section))
    return found


def list_contents() -> list[tuple[str, list[Page]]]:
    """Return the sections of the table of contents, each with its pages."""
    sections: dict[str, list[Page]] = {}
    for page in load_pages().values():
        if page.label:
            sections.setdefault(page.section, []).append(page)
    return list(sections.items())


def find_page(address: str) -> Page | None:
    """Return the page at a path below `/guide/`, if there is one."""
    return _by_address().get(address)


def find_picture(name: str) -> tuple[bytes, str] | None:
    """Return the bytes and the media type of a picture that a page shows, if there is one."""
    # By name alone: no path that a caller made up reaches the file system.
    file = _list_pictures().get(name)
    return (file.read_bytes(), _PICTURES[file.suffix]) if file else None


@cache
def _list_pictures() -> dict[str, Path]:
    files = [file for file in _FOLDER.rglob("*") if file.suffix in _PICTURES]
    return {file.relative_to(_FOLDER).as_posix(): file for file in files}


@cache
def _by_address() -> dict[str, Page]:
    return {page.address: page for page in load_pages().values()}


def _list() -> Iterator[Page]:
    section = ""
    for line in (_FOLDER / CONTENTS).read_text().splitlines():
        if heading := _SECTION.match(line):
            section = heading["title"]
        elif entry := _ENTRY.match(line):
            summary = entry["summary"] or ""
            yield _read(entry["name"], entry["label"], section, summary)


def _read(name: str, label: str = "", section: str = "", summary: str = "") -> Page:
    text = (_FOLDER / name).read_text()
    title = _TITLE.search(text)
    return Page(name, title[1] if title else name, text, label, section, summary)
