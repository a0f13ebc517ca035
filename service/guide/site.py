"""Whole pages of HTML: the frame around a document, with navigation, and the pages of errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from service.guide.advice import ERRORS
from service.guide.pages import CONTENTS, Page, list_contents, load_pages
from service.guide.rendering import render, render_line


@dataclass(frozen=True)
class ErrorFacts:
    """The facts that the page of an error shows.

    Attributes:
        status: HTTP status.
        description: one sentence that says what happened.
        place: where callers meet it, in words.
        example: a problem document, as indented JSON.
    """

    code: str
    title: str
    status: int
    retryable: bool
    description: str
    place: str
    advice: str
    example: str


def build_page(page: Page) -> str:
    """Return a page of the guide as a whole document of HTML."""
    rendered = render(page.text, page.name)
    before, after = _find_neighbors(page)
    is_home = page.name == CONTENTS
    # Each entry of the table of contents becomes a card, whose parts need no colon between them.
    html = rendered.html.replace("</a>: ", "</a> ") if is_home else rendered.html
    return _frame(
        root="../" * page.address.count("/") or "./",
        title=page.title,
        summary=page.summary,
        page=page,
        content=_trust(html),
        headings=rendered.headings,
        before=before,
        after=after,
        is_home=is_home,
    )


def build_error_page(facts: ErrorFacts) -> str:
    """Return the page of an error, which lies beside the guide, at `/errors/{code}`."""
    return _frame(
        template="error.html",
        root="../guide/",
        title=facts.title,
        summary=facts.description,
        page=load_pages()[ERRORS],
        error=facts,
        advice=_trust(render_line(facts.advice, ERRORS, "../guide/")),
        example=_trust(render(f"```json\n{facts.example}\n```", "").html),
        headings=(),
    )


def _find_neighbors(page: Page) -> tuple[Page | None, Page | None]:
    """Return the pages before and after one in the table of contents."""
    listed: Sequence[Page] = [load_pages()[CONTENTS], *_list_pages()]
    if page not in listed:
        return None, None
    at = listed.index(page)
    return (listed[at - 1] if at else None), (listed[at + 1] if at + 1 < len(listed) else None)


def _list_pages() -> list[Page]:
    return [page for _, pages in list_contents() for page in pages]


def _frame(template: str = "page.html", **values: object) -> str:
    return _environment().get_template(template).render(contents=list_contents(), **values)


@cache
def _environment() -> Environment:
    loader = PackageLoader("service.guide", "templates")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _trust(html: str) -> Markup:
    """Return HTML of our own documents as such: nothing of a caller is in it."""
    return Markup(html)  # noqa: S704 # nosec B704
