"""One request to a caller's URL, and the reason if it fails."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import certifi
import httpcore2
import httpx2

from service.outbound.addresses import AddressRefused, Unresolvable
from service.outbound.connection import GuardedBackend
from service.outbound.urls import OutboundPolicy, get_port

Headers = Mapping[bytes | str, bytes | str]


class ExchangeFailed(Exception):
    """Error: an exchange has no response, or an incomplete one.

    Attributes:
        reason: `address_refused`, `unresolvable`, `timeout`, `invalid_answer`, `tls_failed` or
            `unreachable`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def exchanging(
    method: str,
    url: httpx2.URL,
    headers: Headers,
    policy: OutboundPolicy,
    deadline: float,
    ca_file: Path | None = None,
    body: bytes | None = None,
) -> Iterator[httpcore2.Response]:
    """Send a request and yield the response, whose body is not read yet.

    Each request has its own connection: the address is checked every time, and redirects are not
    followed.

    Args:
        method: HTTP method.
        url: the target, which `parse_url` has checked.
        headers: all headers except `Host` and `Connection`.
        policy: the targets that are allowed.
        deadline: end of the exchange, by `time.monotonic`.
        ca_file: additional trusted certificates, PEM.
        body: body of the request.

    Raises:
        ExchangeFailed: there is no response, or it is incomplete.
    """
    backend = GuardedBackend(deadline, policy)
    connection = httpcore2.HTTPConnection(
        httpcore2.Origin(url.raw_scheme, url.raw_host, get_port(url)),
        ssl_context=_trust(ca_file) if url.scheme == "https" else None,
        network_backend=backend,
    )
    given = {"Host": url.netloc.decode(), "Connection": "close", **headers}
    with (
        _translating(),
        connection,
        connection.stream(method, _core_url(url), headers=given, content=body) as answer,
    ):
        backend.head.end()
        yield answer


@contextmanager
def _translating() -> Iterator[None]:
    """Convert the errors of the block to `ExchangeFailed`."""
    try:
        yield
    except AddressRefused as error:
        raise ExchangeFailed("address_refused") from error
    except Unresolvable as error:
        raise ExchangeFailed("unresolvable") from error
    except httpcore2.TimeoutException as error:
        raise ExchangeFailed("timeout") from error
    except httpcore2.ProtocolError as error:
        raise ExchangeFailed("invalid_answer") from error
    except httpcore2.NetworkError as error:
        is_tls = isinstance(error.__cause__, ssl.SSLError)
        raise ExchangeFailed("tls_failed" if is_tls else "unreachable") from error


def _core_url(url: httpx2.URL) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


@cache
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return the trusted certificates; cached, as loading takes longer than most exchanges."""
    context = ssl.create_default_context(cafile=certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
