"""The list of hosts that an operator allows in callers' URLs."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx2

from service.outbound.urls import MAX_PORT, PORTS, get_port

_ENTRY = re.compile(r"(\*\.)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class _Entry:
    """A host, or all hosts below it; without a port, the default port of the URL's scheme."""

    name: str
    is_wildcard: bool
    port: int | None

    def fits(self, url: httpx2.URL) -> bool:
        host = url.raw_host.decode().lower()
        wanted = PORTS[url.scheme] if self.port is None else self.port
        is_named = host.endswith(f".{self.name}") if self.is_wildcard else host == self.name
        return is_named and get_port(url) == wanted


@dataclass(frozen=True)
class HostList:
    """The allowed hosts; none by default."""

    entries: tuple[_Entry, ...] = ()

    @classmethod
    def parse(cls, text: str) -> HostList:
        """Parse hosts separated by commas; `*.example.org` for all below one; with or without port.

        Raises:
            ValueError: an entry is invalid.
        """
        return cls(tuple(_parse_entry(part.strip().lower()) for part in text.split(",") if part))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def allows(self, url: httpx2.URL) -> bool:
        """Return whether the list contains a URL's host with its port."""
        return any(entry.fits(url) for entry in self.entries)


def _parse_entry(text: str) -> _Entry:
    found = _ENTRY.fullmatch(text)
    if found is None:
        raise ValueError("must be hosts separated by commas, such as a.example.org,*.example.net")
    wildcard, name, port = found.groups()
    if port is not None and not 0 < int(port) <= MAX_PORT:
        raise ValueError("a port must be from 1 to 65535")
    return _Entry(name, wildcard is not None, int(port) if port else None)
