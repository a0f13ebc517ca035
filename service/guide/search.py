"""The index of the guide's search: every section of every page, as plain text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

from service.guide.pages import Page, load_pages
from service.guide.rendering import iter_sections


@cache
def build_index() -> bytes:
    """Return the index as JSON: a list of sections, in the order of the pages."""
    sections = [section for page in load_pages().values() for section in _split(page)]
    return json.dumps(sections, ensure_ascii=False, separators=(",", ":")).encode()


def _split(page: Page) -> Iterator[dict[str, str]]:
    for heading, text in iter_sections(page.text):
        is_title = heading.level == 1
        if text or not is_title:
            yield {
                "url": page.address if is_title else f"{page.address}#{heading.anchor}",
                "page": page.title,
                "heading": "" if is_title else heading.text,
                "text": text,
            }
