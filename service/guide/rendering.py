"""Markdown to HTML that a strict policy shows: no inline styles, no scripts, links that work here.

Headings have the anchors that GitHub gives them, and quotes that begin with `[!NOTE]` become boxes,
as there: the same file reads well in both places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from service.guide.advice import ERRORS, load_advice
from service.guide.flowchart import draw_flowchart
from service.guide.pages import CONTENTS, find_address, load_pages

SERVED = {"../openapi.yaml": "../openapi.yaml", "../README.md": ""}
"""Files outside `docs` that the service has in some form, and where, from `/guide/`."""

_PICTURE = re.compile(r"\.(svg|png|jpg)$")
_ALERT = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*")
_NAMES = {"sh": "bash", "ts": "typescript", "js": "javascript"}
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


@dataclass(frozen=True)
class Heading:
    """A heading below the title of a page."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Rendered:
    """A page as HTML, and its headings."""

    html: str
    headings: Sequence[Heading]


def render(text: str, name: str) -> Rendered:
    """Return a document as HTML.

    Args:
        text: the document in Markdown.
        name: path below `docs` that its links start from.
    """
    tokens = _parser().parse(text)
    headings = _anchor(tokens)
    _mark_alerts(tokens)
    for token in tokens:
        _adapt(token, name, find_root(name))
    if name == ERRORS:
        _link_codes(tokens)
    return Rendered(_write(tokens), headings)


def render_line(text: str, name: str, root: str) -> str:
    """Return a piece of Markdown without paragraphs as HTML, for a page elsewhere.

    Args:
        text: the piece.
        name: path below `docs` that its links start from.
        root: path from the page to `/guide/`.
    """
    tokens = _parser().parseInline(text)
    for token in tokens:
        _adapt(token, name, root)
    return _write(tokens)


def iter_sections(text: str) -> Iterator[tuple[Heading, str]]:
    """Yield each heading of a document, its title too, with the plain text below it."""
    tokens = _parser().parse(text)
    headings = iter(_anchor(tokens, from_level=1))
    found, words = Heading(1, "", ""), list[str]()
    for before, token in zip([Token("", "", 0), *tokens], tokens, strict=False):
        if before.type == "heading_open":
            yield found, " ".join(words)
            found, words = next(headings), []
        elif token.type in ("inline", "fence"):
            words += (_read_text(token) if token.children else token.content).split()
    yield found, " ".join(words)


def slugify(text: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "highlight": _highlight})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("fence", _write_fence)
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", _close_table)
    return parser


def _write_fence(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[at]
    if token.info == "mermaid":
        return draw_flowchart(token.content)
    return renderer.fence(tokens, at, options, env)


def _write(tokens: Sequence[Token]) -> str:
    return str(_parser().renderer.render(tokens, _parser().options, {}))


def _open_table(*_: Any) -> str:
    return '<div class="table"><table>\n'


def _close_table(*_: Any) -> str:
    return "</table></div>\n"


def _highlight(code: str, language: str, _: str) -> str:
    # Imported with the first page: processes whose guide nobody reads save some megabytes.
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import TextLexer, get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(_NAMES.get(language, language))
    except ClassNotFound:
        lexer = TextLexer()
    inner = highlight(code, lexer, HtmlFormatter(nowrap=True))
    label = escape(language or "text")
    return f'<pre class="code" data-language="{label}" tabindex="0"><code>{inner}</code></pre>'


def _anchor(tokens: Sequence[Token], from_level: int = 2) -> list[Heading]:
    """Add an anchor to every heading; return those of a level and below."""
    found: list[Heading] = []
    used: dict[str, int] = {}
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = _read_text(inline)
        anchor = slugify(text)
        count = used.get(anchor, 0)
        used[anchor] = count + 1
        anchor = f"{anchor}-{count}" if count else anchor
        opening.attrSet("id", anchor)
        level = int(opening.tag[1:])
        if level >= from_level:
            found.append(Heading(level, text, anchor))
            _append_anchor(inline, anchor)
    return found


def _append_anchor(inline: Token, anchor: str) -> None:
    mark = Token("html_inline", "", 0)
    mark.content = f' <a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a>'
    (inline.children or []).append(mark)


def _read_text(inline: Token) -> str:
    read = {"text": "{}", "code_inline": "{}", "softbreak": " "}
    return "".join(
        read[child.type].format(child.content)
        for child in inline.children or ()
        if child.type in read
    )


def _mark_alerts(tokens: Sequence[Token]) -> None:
    """Turn quotes that begin with a word such as `[!NOTE]` into boxes of that kind."""
    for quote, _, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if quote.type != "blockquote_open" or inline.type != "inline" or not inline.children:
            continue
        first = inline.children[0]
        if alert := _ALERT.match(first.content):
            quote.attrSet("class", f"alert {alert[1].lower()}")
            first.content = first.content[alert.end() :]


def _adapt(token: Token, name: str, root: str) -> None:
    """Change what a page may not have: comments, inline styles, and links that lead elsewhere."""
    if token.type in ("html_block", "html_inline"):
        token.content = _COMMENT.sub("", token.content)
    if style := token.attrs.pop("style", None):
        token.attrSet("class", str(style).replace("text-align:", "align-"))
    if token.type == "image":
        token.attrSet("loading", "lazy")
    children = token.children or []
    for child in children:
        _adapt(child, name, root)
    _adapt_links(children, name, root)


def _link_codes(tokens: Sequence[Token]) -> None:
    """Link each code in the table of errors to its own page."""
    for cell, inline in pairwise(tokens):
        if cell.type == "td_open" and inline.children and inline.children[0].type == "code_inline":
            code = inline.children[0].content
            if code in load_advice():
                link = Token("link_open", "a", 1, attrs={"href": f"../errors/{code}"})
                inline.children[:1] = [link, inline.children[0], Token("link_close", "a", -1)]


def _adapt_links(children: list[Token], name: str, root: str) -> None:
    outside = False
    for token in children:
        if token.type == "link_open":
            target = find_link(str(token.attrs["href"]), name, root)
            outside = target is None
            token.attrs = {"href": target} if target else _as_elsewhere(str(token.attrs["href"]))
        if token.type in ("link_open", "link_close") and outside:
            token.tag = "span"


def _as_elsewhere(target: str) -> dict[str, str | int | float]:
    return {"class": "elsewhere", "title": f"In the repository: {target.lstrip('./')}"}


def find_root(name: str) -> str:
    """Return the path from the page of a document to `/guide/`."""
    return "../" * name.count("/")


def find_link(target: str, name: str, root: str) -> str | None:
    """Return where a link of a document leads on the site; None if only the repository has it.

    Args:
        target: as it is in the document: relative to its file.
        name: path of the document below `docs`.
        root: path from the page to `/guide/`.
    """
    path, mark, anchor = target.partition("#")
    if not path or ":" in path:
        return target
    reached = normpath(str(PurePosixPath(name).parent / path))
    for page in (reached, f"{reached}/{CONTENTS}"):
        if page in load_pages():
            return f"{root}{find_address(page)}{mark}{anchor}" or "./"
    if reached in SERVED:
        return f"{root}{SERVED[reached]}" or "./"
    return f"{root}{reached}" if _PICTURE.search(path) else None
