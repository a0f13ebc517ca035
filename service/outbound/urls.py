"""The check of callers' URLs."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import httpx2

from service.contract.errors import InvalidField
from service.contract.params import MAX_URL_CHARACTERS
from service.outbound.addresses import AddressRefused, Unresolvable, resolve

LOOKUP_SLOTS = 8
"""Names that are looked up at once, so that slow name servers cannot hold all threads."""

PORTS = {"http": 80, "https": 443}
MAX_PORT = 65_535

_lookups = threading.BoundedSemaphore(LOOKUP_SLOTS)


@dataclass(frozen=True)
class OutboundPolicy:
    """The targets that the operator allows in callers' URLs.

    Attributes:
        allow_http: URLs without TLS.
        allow_private: private networks and this machine.
        listed: addresses that the operator has named one by one.
    """

    allow_http: bool = False
    allow_private: bool = False
    listed: frozenset[str] = frozenset()


def parse_url(text: str, policy: OutboundPolicy) -> httpx2.URL:
    """Parse a URL and check its form.

    Raises:
        InvalidField: it breaks a rule; the message does not contain the URL.
    """
    if len(text) > MAX_URL_CHARACTERS:
        raise InvalidField(f"must have at most {MAX_URL_CHARACTERS} characters")
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise InvalidField("must be a URL") from error
    # Not `host`, which decodes names, and raises for some invalid ones.
    if url.scheme not in PORTS or not url.raw_host:
        raise InvalidField("must be an absolute https URL")
    if not 0 < get_port(url) <= MAX_PORT:
        raise InvalidField("must have a port from 1 to 65535, or no port")
    if url.scheme == "http" and not policy.allow_http:
        raise InvalidField("must be an https URL")
    if url.userinfo:
        raise InvalidField("must not contain a user or a password")
    if url.fragment:
        raise InvalidField("must not have a fragment, which is never sent")
    return url


def get_port(url: httpx2.URL) -> int:
    """Return the port of a URL, or the default port of its scheme."""
    return PORTS[url.scheme] if url.port is None else url.port


def check_url(text: str, policy: OutboundPolicy) -> None:
    """Check a URL when it is submitted: its form, and its present addresses; raise if refused.

    It is checked again at each use, so a host that cannot be looked up at the moment passes.

    Raises:
        InvalidField: it breaks a rule, or its host does not exist or has a refused address.
    """
    url = parse_url(text, policy)
    if not _lookups.acquire(blocking=False):
        return
    try:
        resolve(
            url.raw_host.decode(),
            get_port(url),
            allow_private=policy.allow_private,
            listed=policy.listed,
        )
    except Unresolvable as error:
        if error.is_final:
            raise InvalidField("must have a host that exists") from error
    except AddressRefused as error:
        raise InvalidField("must not point to a private or reserved address") from error
    finally:
        _lookups.release()
