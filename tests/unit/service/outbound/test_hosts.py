from __future__ import annotations

import httpx2
import pytest

from service.outbound.hosts import HostList

HOSTS = HostList.parse("img.example.org, *.cdn.example.org,other.example.org:8443,10.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "https://img.example.org/a.png",
        "https://IMG.example.org:443/a.png",
        "http://img.example.org/a.png",
        "https://a.cdn.example.org/",
        "https://a.b.cdn.example.org/",
        "https://other.example.org:8443/",
        "https://10.0.0.1/",
    ],
)
def test_host_list_allows(url: str) -> None:
    assert HOSTS.allows(httpx2.URL(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "https://img.example.org.evil.example/",
        "https://evilimg.example.org/",
        "https://evilcdn.example.org/",
        "https://cdn.example.org/",
        "https://img.example.org:8443/",
        "http://img.example.org:443/",
        "https://other.example.org/",
        "https://10.0.0.10/",
        "https://167772161/",
        "https://img.example.org./",
        "https://img.example.org%2eevil.example/",
    ],
)
def test_host_list_refuses(url: str) -> None:
    assert not HOSTS.allows(httpx2.URL(url))


def test_host_list_without_entries_allows_nothing() -> None:
    assert not HostList.parse("")
    assert not HostList().allows(httpx2.URL("https://example.org/"))


@pytest.mark.parametrize("text", ["*", "*.", "https://a.example", "a b", "a:0", "a:70000", "a*.b"])
def test_host_list_says_what_an_entry_is(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        HostList.parse(text)
