"""Whose a connection is, and how long a client may take."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from service.serving.connections import Pace, TrustedProxies, _Transfer
from service.serving.http_worker import count_share

PROXIES = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))


def _head(*values: str) -> bytes:
    lines = "".join(f"X-Forwarded-For: {value}\r\n" for value in values)
    return f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("peer", "head", "client"),
    [
        ("192.0.2.1", _head(), "192.0.2.1"),
        # Whoever is no proxy is not believed.
        ("192.0.2.1", _head("203.0.113.5"), "192.0.2.1"),
        ("10.0.0.1", _head("203.0.113.5"), "203.0.113.5"),
        # What the client itself has put there stands before what the proxy has added.
        ("10.0.0.1", _head("198.51.100.9, 203.0.113.5"), "203.0.113.5"),
        ("10.0.0.1", _head("198.51.100.9", "203.0.113.5, 10.0.0.7"), "203.0.113.5"),
        ("10.0.0.1", _head("2001:db8::7"), "2001:db8::7"),
        ("2001:db8::1", _head("203.0.113.5"), "203.0.113.5"),
        ("10.0.0.1", _head(), "10.0.0.1"),
        ("10.0.0.1", _head("unknown"), "unknown"),
        # A unix socket has no address, and only proxies use it.
        ("", _head("203.0.113.5"), "203.0.113.5"),
        ("", _head(), ""),
    ],
)
def test_client_is_the_last_address_that_no_proxy_has(peer: str, head: bytes, client: str) -> None:
    assert PROXIES.find_client(peer, head) == client


def test_without_proxies_the_peer_is_the_client() -> None:
    assert TrustedProxies().find_client("10.0.0.1", _head("203.0.113.5")) == "10.0.0.1"


@pytest.mark.parametrize(("threads", "share"), [(160, 144), (64, 48), (4, 3), (2, 2), (1, 1)])
def test_client_that_waits_with_all_slots_has_threads_left(threads: int, share: int) -> None:
    assert count_share(threads) == share


@pytest.mark.parametrize(
    ("moved", "waited", "timeout"),
    [
        (0, 0, 30),  # half the silence passes before the rate counts
        (0, 30, 0),
        (1000, 30, 10),  # a hundred bytes a second earn ten more
        (100_000, 0, 60),  # never longer than a silence
        (100_000, 95, 5),  # nor than the whole transfer
        (100_000, 100, 0),
    ],
)
def test_client_earns_time_by_what_it_moves(moved: int, waited: float, timeout: float) -> None:
    pace = Pace(silence_seconds=60, bytes_per_second=100, transfer_seconds=100)
    assert _Transfer(pace, moved, waited).get_timeout() == timeout
