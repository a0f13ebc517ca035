"""The guide: every page is there in both forms, its links lead somewhere, and nothing is inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from flask.testing import FlaskClient

from service.contract.errors import iter_error_classes
from service.documents.error_table import build_error_table
from service.guide.pages import CONTENTS, load_pages
from tests.support.http import build_app

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOST = "http://localhost"
ERRORS = [f"/errors/{entry.code}" for entry in build_error_table().errors]
PAGES = [f"/guide/{page.address}" for page in load_pages().values()]


class _Reader(HTMLParser):
    """Collects what a page refers to, its anchors, and what a strict policy forbids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.targets += [value for name in ("href", "src") if (value := given.get(name))]
        self.anchors |= {value for value in [given.get("id")] if value}
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


def test_every_link_of_the_site_leads_somewhere(client: FlaskClient) -> None:
    seen: dict[str, _Reader] = {}

    def read(path: str) -> _Reader:
        if path not in seen:
            answer = client.get(path, headers=HTML)
            assert answer.status_code in (200, 302), path
            seen[path] = _Reader(answer.text if answer.mimetype == "text/html" else "")
        return seen[path]

    dead = []
    for path in [*PAGES, *ERRORS]:
        for target in read(path).targets:
            url, anchor = urldefrag(urljoin(HOST + path, target))
            assert not target.startswith("/"), f"{path}: {target} leaves a proxy's prefix"
            if url.startswith(HOST):
                page = read(url.removeprefix(HOST))
                if anchor and unquote(anchor) not in page.anchors:
                    dead.append(f"{path}: {target}")
    assert not dead, "\n".join(dead)


@pytest.mark.parametrize("path", ["/guide/", "/guide/architecture", "/guide/adr/", ERRORS[0]])
def test_pages_load_nothing_but_files_of_the_service(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=HTML)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert _Reader(answer.text).inline == []


def test_no_page_has_what_its_policy_would_block(client: FlaskClient) -> None:
    for path in PAGES:
        assert _Reader(client.get(path, headers=HTML).text).inline == [], path


def test_every_page_has_a_twin_in_markdown(client: FlaskClient) -> None:
    for name, page in load_pages().items():
        twin = client.get(f"/guide/{name}")
        asked = client.get(f"/guide/{page.address}", headers={"Accept": "text/markdown"})
        assert twin.mimetype == asked.mimetype == "text/markdown"
        assert twin.text == asked.text == page.text
        shown = client.get(f"/guide/{page.address}", headers=HTML)
        beside = re.findall(r"<([^>]+)>", shown.headers["Link"])
        assert urljoin(f"/guide/{page.address}", beside[0]) == f"/guide/{name}"


def test_language_models_find_the_table_of_contents(client: FlaskClient) -> None:
    text = client.get("/llms.txt").text
    assert re.match(r"# .+\n\n> .+\n", text)
    links = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): .+$", text, re.MULTILINE)
    listed = [page for page in load_pages().values() if page.label]
    assert links == [f"{HOST}/guide/{page.name}" for page in listed]
    whole = client.get("/llms-full.txt").text
    assert all(page.text in whole for page in listed)


def test_search_leads_to_sections_that_are_there(client: FlaskClient) -> None:
    sections = client.get("/guide/search.json").get_json()
    anchors = {path: _Reader(client.get(path, headers=HTML).text).anchors for path in PAGES}
    for section in sections:
        path, anchor = urldefrag(f"/guide/{section['url']}")
        assert not anchor or anchor in anchors[path], section["url"]
    assert any("Retry-After" in section["text"] for section in sections)


def test_files_are_sent_once(client: FlaskClient) -> None:
    etag = client.get("/guide/errors", headers=HTML).headers["ETag"]
    again = client.get("/guide/errors", headers={**HTML, "If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    as_markdown = client.get("/guide/errors", headers={"Accept": "text/markdown"})
    assert as_markdown.headers["ETag"] != etag
    assert "Accept" in as_markdown.headers["Vary"]


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "../README.md",
        "images/../errors.md",
        "assets/..%2f__init__.py",
        "adr",
        # Longer than a file's name can be.
        f"{'a' * 300}.png",
        "%00.png",
    ],
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(f"/guide/{path}").status_code == 404


def test_guide_can_be_switched_off(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path, guide=False).test_client()
    for path in ("/guide", "/guide/", "/guide/errors.md", "/llms.txt"):
        assert client.get(path).status_code == 404
    assert client.get("/errors/hung", headers=HTML).get_json()["code"] == "hung"


def test_guide_is_public_and_its_redirect_ours(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path, auth="keys").test_client()
    assert client.get("/guide/", headers=HTML).status_code == 200
    answer = client.get("/guide", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "guide/")


def test_errors_are_pages_to_browsers_and_json_to_programs(client: FlaskClient) -> None:
    for path in ERRORS:
        entry = client.get(path).get_json()
        assert entry["advice"], path
        page = client.get(path, headers=HTML)
        assert page.mimetype == "text/html"
        assert entry["title"].replace("'", "&#39;") in page.text
        assert f"/errors/{entry['code']}" in page.text, "the example document"
    assert client.get("/errors", headers=HTML).headers["Location"] == "guide/errors"
    assert client.get("/errors").get_json()["errors"]


def test_every_error_has_its_page() -> None:
    assert {f"/errors/{error.code}" for error in iter_error_classes()} <= set(ERRORS)
    assert CONTENTS in load_pages()
