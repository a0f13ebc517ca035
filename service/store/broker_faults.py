"""Find why the broker cannot be used: the true cause, in words for the operator."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis
from redis import exceptions as errors
from redis.sentinel import MasterNotFoundError

from service.contract.errors import BrokerUnavailable

LOG_AGAIN_SECONDS = 30.0

_LOST = (errors.ConnectionError, errors.TimeoutError)

log = structlog.get_logger()


@dataclass(frozen=True)
class BrokerFault:
    """One reason why the broker cannot be used.

    Attributes:
        cause: a word for it, the same for every case of its kind.
        detail: what is wrong, and what to do.
    """

    cause: str
    detail: str


# The first class that fits counts, so the more special ones come first.
_KINDS: tuple[tuple[type[BaseException], BrokerFault], ...] = (
    (
        errors.BusyLoadingError,
        BrokerFault("loading", "it still loads its data; this passes by itself"),
    ),
    (
        errors.MasterDownError,
        BrokerFault("master_down", "it is a replica that has lost its primary"),
    ),
    (
        errors.ReadOnlyError,
        BrokerFault("read_only", "it is a replica and takes no writes; connect to the primary"),
    ),
    (
        errors.ClusterDownError,
        BrokerFault("cluster_down", "its cluster does not serve all slots"),
    ),
    (
        errors.AskError,
        BrokerFault("moved", "another server of its cluster has the keys; it is followed"),
    ),
    (
        MasterNotFoundError,
        BrokerFault("no_primary", "no Sentinel that answers knows a primary of that name"),
    ),
    (
        errors.OutOfMemoryError,
        BrokerFault("full", "its memory is full; raise maxmemory"),
    ),
    (
        errors.MaxConnectionsError,
        BrokerFault("too_many_connections", "this process has as many connections as it may"),
    ),
    (
        FileNotFoundError,
        BrokerFault("no_socket", "there is no socket at that path; is the server running?"),
    ),
    (
        PermissionError,
        BrokerFault("socket_forbidden", "this user may not use the socket"),
    ),
    (
        ConnectionRefusedError,
        BrokerFault("refused", "nothing listens there; check host and port"),
    ),
    (
        socket.gaierror,
        BrokerFault("unknown_host", "the host's name cannot be resolved; check it, and the DNS"),
    ),
    (
        ConnectionResetError,
        BrokerFault("closed", "it closes the connection; if it expects TLS, write rediss://"),
    ),
    (
        TimeoutError,
        BrokerFault("timeout", "it does not answer in time"),
    ),
    (
        errors.TimeoutError,
        BrokerFault("timeout", "it does not answer in time"),
    ),
)


def find_fault(error: BaseException) -> BrokerFault:
    """Return the cause of an error of the client, or of one that it caused."""
    chain = tuple(_unwind(error))
    for each in chain:
        found = _find_special(each) or next(
            (fault for kind, fault in _KINDS if isinstance(each, kind)), None
        )
        if found is not None:
            return found
    for each in chain:
        if isinstance(each, OSError) and each.strerror:
            return BrokerFault("unreachable", each.strerror)
    return _find_by_text(str(error))


def _unwind(error: BaseException) -> Iterator[BaseException]:
    """Yield what lies behind an error, the deepest first."""
    if error.__cause__ is not None:
        yield from _unwind(error.__cause__)
    elif error.__context__ is not None and isinstance(error, errors.RedisError):
        yield from _unwind(error.__context__)
    yield error


def _find_special(error: BaseException) -> BrokerFault | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = f"its certificate is not trusted: {error.verify_message}; see ssl_ca_certs"
        return BrokerFault("certificate", detail)
    if isinstance(error, TimeoutError) and "handshake" in str(error):
        return BrokerFault("tls", "the TLS handshake is not answered; does it speak TLS?")
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "error").replace("_", " ").lower()
        return BrokerFault("tls", f"the TLS handshake failed ({reason}); does it speak TLS?")
    if isinstance(error, errors.NoPermissionError) or "ACL failure" in str(error):
        detail = "the user of PAINTJOB_REDIS_URL lacks a permission: " + str(error).split("\n")[0]
        return BrokerFault("not_permitted", detail)
    if isinstance(error, errors.AuthenticationError):
        return _find_login_fault(error)
    return None


def _find_login_fault(error: errors.AuthenticationError) -> BrokerFault:
    if getattr(error, "status_code", "") == "NOAUTH":
        detail = "it asks for a password, and PAINTJOB_REDIS_URL has none"
        return BrokerFault("password_missing", detail)
    if "without any password configured" in str(error):
        return BrokerFault("no_password_set", "PAINTJOB_REDIS_URL has a password, and it has none")
    return BrokerFault(
        "wrong_password", "it refuses the user or the password of PAINTJOB_REDIS_URL"
    )


def _find_by_text(text: str) -> BrokerFault:
    if "now a slave" in text:
        return BrokerFault("read_only", "it has become a replica; its primary is looked for")
    if "max number of clients" in text:
        return BrokerFault("too_many_clients", "it has as many clients as it may; raise maxclients")
    if "closed by server" in text or "Connection reset" in text:
        return BrokerFault("closed", "it closes the connection; if it expects TLS, write rediss://")
    if "HELLO" in text or "Bad response" in text or "Protocol Error" in text:
        return BrokerFault("no_broker", "what answers there is no Redis or Valkey")
    return BrokerFault("failed", text)


def as_unavailable(error: BaseException, address: str = "") -> BrokerUnavailable:
    """Return an error of the client as the one that callers see; its cause is for operators."""
    cause = f"{address}: {find_fault(error).detail}".removeprefix(": ")
    return BrokerUnavailable("the broker does not answer", retry_after_seconds=2, cause=cause)


class BrokerLink:
    """Calls Redis, and logs why it cannot be used: once for each cause, and every half minute.

    After the first failure of a connection that worked, all idle connections are dropped and the
    call is repeated on a new one: a firewall that forgot them, or a failover, costs no request.
    Every script may be run twice, so it does no harm.

    Args:
        redis: the connection.
        logs: whether it logs.
    """

    def __init__(self, redis: Redis, *, logs: bool = True) -> None:
        self.redis = redis
        self._logs = logs
        self._is_lost = False
        self._logged_at: dict[str, float] = {}

    def call(self, call: Callable[[], Any], *, repeats: bool = True) -> Any:
        """Call Redis.

        Args:
            call: the call.
            repeats: whether the call may be repeated on another connection.

        Raises:
            BrokerUnavailable: Redis does not answer or refuses.
        """
        try:
            answer = call()
        except _LOST as error:
            self.redis.connection_pool.disconnect(inuse_connections=False)
            if repeats and not self._is_lost:
                self._is_lost = True
                return self.call(call, repeats=False)
            self._is_lost = True
            self.note(error)
            raise self._wrap(error) from error
        except errors.ResponseError as error:
            if type(error) is errors.ResponseError:
                # Neither silence nor a full memory: a script is wrong, or the server is.
                log.exception("broker_refused")
            self.note(error)
            raise self._wrap(error) from error
        except errors.RedisError as error:
            raise self._wrap(error) from error
        if self._is_lost:
            self._note_return()
        return answer

    def note(self, error: Exception) -> None:
        """Log why Redis cannot be used, unless this cause was logged in the last half minute."""
        fault, now = find_fault(error), time.monotonic()
        if not self._logs:
            return
        if now - self._logged_at.get(fault.cause, -LOG_AGAIN_SECONDS) < LOG_AGAIN_SECONDS:
            return
        self._logged_at[fault.cause] = now
        address = describe_address(self.redis)
        log.warning("broker_unavailable", cause=fault.cause, detail=fault.detail, broker=address)

    def _wrap(self, error: errors.RedisError) -> BrokerUnavailable:
        return as_unavailable(error, describe_address(self.redis))

    def _note_return(self) -> None:
        """Log that the broker is back, unless its loss cost nothing and was not logged."""
        self._is_lost = False
        if self._logged_at:
            log.info("broker_back", broker=describe_address(self.redis))
        self._logged_at = {}


def describe_address(redis: Redis) -> str:
    """Return where a client connects to, without user and password."""
    pool: Any = redis.connection_pool
    given = pool.connection_kwargs
    if getattr(pool, "service_name", None):
        return f"Sentinel's {pool.service_name}"
    return str(given.get("path") or f"{given.get('host', 'localhost')}:{given.get('port', 6379)}")
