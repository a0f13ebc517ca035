"""Webhooks as they are sent: signed after Standard Webhooks, to checked addresses, no redirects.

Source: https://www.standardwebhooks.com
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import certifi
import httpcore
import httpx
from standardwebhooks import Webhook

from service.contract.errors import InvalidField
from service.contract.version import get_version
from service.outbound.addresses import AddressRefused, Unresolvable
from service.outbound.connection import GuardedBackend
from service.outbound.urls import OutboundPolicy, get_port, parse_url

GONE = 410


@dataclass(frozen=True)
class Letter:
    """One webhook to be sent.

    Attributes:
        url: where to.
        webhook_id: the same in every try.
        body: the job's document.
        keys: signing keys; the receiver needs to know one of them.
    """

    url: str
    webhook_id: str
    body: bytes
    keys: Sequence[str]


@dataclass(frozen=True)
class Posted:
    """What came of one try.

    Attributes:
        status: HTTP status of the receiver, if one came.
        error: why it does not count as delivered; `None` if it does.
    """

    status: int | None = None
    error: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the receiver asked never to be told again."""
        return self.status == GONE


def sign(letter: Letter, now: datetime) -> dict[bytes | str, bytes | str]:
    """Give the three headers of a webhook; one signature a key, so that keys can be changed.

    Args:
        letter: what is sent.
        now: the time of this try, in UTC.
    """
    text = letter.body.decode()
    signatures = [Webhook(key).sign(letter.webhook_id, now, text) for key in letter.keys]
    return {
        "webhook-id": letter.webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def post(
    letter: Letter, policy: OutboundPolicy, deadline: float, ca_file: Path | None = None
) -> Posted:
    """Send a webhook once.

    A connection of its own for each: the address is checked at every try, and no answer is read
    further than its status.

    Args:
        letter: what to send.
        policy: what may be reached.
        deadline: when it must be over, by `time.monotonic`.
        ca_file: certificates that are trusted besides the public ones, PEM.
    """
    if not letter.keys:
        return Posted(error="no_signing_key")
    try:
        return _judge(_exchange(letter, policy, deadline, ca_file))
    except InvalidField:
        return Posted(error="url_refused")
    except AddressRefused:
        return Posted(error="address_refused")
    except Unresolvable:
        return Posted(error="unresolvable")
    except httpcore.TimeoutException:
        return Posted(error="timeout")
    except httpcore.ProtocolError:
        return Posted(error="invalid_answer")
    except httpcore.NetworkError as error:
        is_tls = isinstance(error.__cause__, ssl.SSLError)
        return Posted(error="tls_failed" if is_tls else "unreachable")


def _exchange(letter: Letter, policy: OutboundPolicy, deadline: float, ca_file: Path | None) -> int:
    """Give the status that the receiver answers."""
    url = parse_url(letter.url, policy)
    connection = httpcore.HTTPConnection(
        httpcore.Origin(url.raw_scheme, url.raw_host, get_port(url)),
        ssl_context=_trust(ca_file) if url.scheme == "https" else None,
        network_backend=GuardedBackend(deadline, allow_private=policy.allow_private),
    )
    headers = _build_headers(letter, url)
    with (
        connection,
        connection.stream("POST", _core_url(url), headers=headers, content=letter.body) as answer,
    ):
        return answer.status


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _build_headers(letter: Letter, url: httpx.URL) -> Mapping[bytes | str, bytes | str]:
    return {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "Content-Length": str(len(letter.body)),
        "User-Agent": f"Paintjob/{get_version()}",
        "Accept": "*/*",
        "Connection": "close",
        **sign(letter, datetime.now(UTC)),
    }


def _judge(status: int) -> Posted:
    if 200 <= status < 300:
        return Posted(status)
    if status == GONE:
        return Posted(status, "gone")
    return Posted(status, "redirected" if 300 <= status < 400 else "refused")


@cache
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Give what is trusted; reading it takes longer than sending a webhook."""
    context = ssl.create_default_context(cafile=certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
