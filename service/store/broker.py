"""Connections to the broker: to one server, through Sentinel, or to the slot of a cluster."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from redis import Redis
from redis import connection as connections
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - this is the one that callers of Redis catch
    MasterDownError,
    MovedError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.sentinel import (
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from service.contract.setting_errors import SettingsError, hide_passwords

HEALTH_SECONDS = 15
"""A connection that was idle for so long is tried before it is used."""

SENTINEL_PORT = 26379

_ROLE_ERRORS = (ReadOnlyError, MasterDownError, ClusterDownError, AskError, TryAgainError)


class RoleChanged(ConnectionError):
    """Error: this server does not serve our keys, now or any more; another one may."""


@dataclass
class Route:
    """Where the connections of one client go, once a cluster has named another server."""

    address: tuple[str, int] | None = None


class _Dropping:
    """A connection that is dropped when its server says that it is not the one to ask.

    Otherwise the pool would keep connections to a former primary, and use them for ever.
    """

    def read_response(self, *arguments: Any, **named: Any) -> Any:
        connection: Any = super()
        try:
            return connection.read_response(*arguments, **named)
        except ResponseError as error:
            # A blocking command ends so when its server becomes a replica.
            if not isinstance(error, _ROLE_ERRORS) and not str(error).startswith("UNBLOCKED"):
                raise
            if isinstance(error, MovedError):
                self.follow(error)
            connection.disconnect()
            raise RoleChanged(str(error)) from error

    def follow(self, error: MovedError) -> None:
        """Note where the keys are."""


class _Following(_Dropping):
    """A connection that goes where a cluster says that the keys are.

    All keys share one hash tag, so one server of a cluster has them all.
    """

    def __init__(self, *, route: Route, **options: Any) -> None:
        super().__init__(**options)
        connection: Any = self
        self._route = route
        self._first = (connection.host, connection.port)

    def follow(self, error: MovedError) -> None:
        connection: Any = self
        self._route.address = (error.host or connection.host, error.port)

    def _connect(self) -> socket.socket:
        connection: Any = self
        connection.host, connection.port = self._route.address or self._first
        try:
            found: socket.socket = super()._connect()  # type: ignore[misc]
        except OSError:
            # The server that was named is gone: the next try asks the first one again.
            self._route.address = None
            raise
        return found


class PlainConnection(_Following, Connection):
    """TCP."""


class TlsConnection(_Following, SSLConnection):
    """TCP with TLS."""


class SocketConnection(_Dropping, UnixDomainSocketConnection):
    """A unix socket."""


class SentinelConnection(_Dropping, SentinelManagedConnection):
    """TCP to the primary that Sentinel names."""


class SentinelTlsConnection(_Dropping, SentinelManagedSSLConnection):
    """TCP with TLS to the primary that Sentinel names."""


_CLASSES: Mapping[str, type] = {
    "redis": PlainConnection,
    "rediss": TlsConnection,
    "unix": SocketConnection,
    "redis+sentinel": SentinelConnection,
    "rediss+sentinel": SentinelTlsConnection,
}


def open_redis(url: str, **options: Any) -> Redis:
    """Open a client; it connects at the first call.

    Args:
        url: `redis://`, `rediss://` or `unix://` as redis-py reads them, or
            `redis+sentinel://user:password@host:port,host:port/service/db`.
        options: of redis-py's connections; those of the URL win.

    Raises:
        SettingsError: the URL cannot be read, or has an option that does not exist.
    """
    parts = urlsplit(url)
    kind = _CLASSES[parts.scheme]
    try:
        if parts.scheme.endswith("+sentinel"):
            client = _open_sentinel(parts, {**options, "connection_class": kind})
        else:
            if issubclass(kind, _Following):
                options["route"] = Route()
            client = Redis.from_url(url, connection_class=kind, **options)
        # Not connected: an option that does not exist shows here, and not at the first call.
        kind(**client.connection_pool.connection_kwargs)
        _check_values(client.connection_pool.connection_kwargs)
    except (TypeError, ValueError, OSError) as error:
        reason = str(error).rpartition("__init__() ")[2]
        raise SettingsError(f"PAINTJOB_REDIS_URL={hide_passwords(url)}: {reason}") from None
    return client


def _check_values(options: Mapping[str, Any]) -> None:
    # Raises for a name that no host can have, which the client would pass on as a crash.
    str(options.get("host", "")).encode("idna")
    for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
        if options.get(name) and not Path(options[name]).is_file():
            raise ValueError(f"there is no file {options[name]} ({name})")


def _open_sentinel(parts: SplitResult, options: dict[str, Any]) -> Redis:
    """Open a client to the primary of a service that Sentinels watch."""
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("must name the service that Sentinel watches: …/service")
    untyped: Any = Sentinel
    own, query = _take_sentinel_options(parts.query)
    first = credentials + "@host" if credentials else "host"
    scheme = parts.scheme.removesuffix("+sentinel")
    path = f"/{database}" if database else ""
    read_url: Any = connections.parse_url
    given: dict[str, Any] = read_url(urlunsplit((scheme, first, path, query, "")))
    for name in ("host", "port", "connection_class"):
        given.pop(name, None)
    shared = {name: value for name, value in given.items() if name.startswith(("ssl", "socket"))}
    timeouts = {name: value for name, value in options.items() if name.startswith("socket")}
    sentinel: Any = untyped(
        [_parse_address(host) for host in hosts.split(",")],
        sentinel_kwargs={**timeouts, **shared, **own, "ssl": scheme == "rediss"},
    )
    client: Redis = sentinel.master_for(service, **{**options, **given})
    return client


def _take_sentinel_options(query: str) -> tuple[dict[str, str], str]:
    """Return how the Sentinels themselves are logged in to, and the rest of the query."""
    prefix = "sentinel_"
    pairs = parse_qsl(query)
    own = {name.removeprefix(prefix): value for name, value in pairs if name.startswith(prefix)}
    return own, urlencode([pair for pair in pairs if not pair[0].startswith(prefix)])


def _parse_address(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("has a Sentinel without a host")
    return parts.hostname, parts.port or SENTINEL_PORT
