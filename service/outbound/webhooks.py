"""Webhooks as they are sent: signed after Standard Webhooks, to checked addresses, no redirects.

Source: https://www.standardwebhooks.com
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

from service.contract.errors import InvalidField
from service.contract.version import get_version
from service.outbound.exchange import ExchangeFailed, Headers, exchanging
from service.outbound.urls import OutboundPolicy, parse_url

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
        url = parse_url(letter.url, policy)
        headers = _build_headers(letter)
        with exchanging("POST", url, headers, policy, deadline, ca_file, letter.body) as answer:
            return _judge(answer.status)
    except InvalidField:
        return Posted(error="url_refused")
    except ExchangeFailed as error:
        return Posted(error=error.reason)


def _build_headers(letter: Letter) -> Headers:
    return {
        "Content-Type": "application/json",
        "Content-Length": str(len(letter.body)),
        "User-Agent": f"Paintjob/{get_version()}",
        "Accept": "*/*",
        **sign(letter, datetime.now(UTC)),
    }


def _judge(status: int) -> Posted:
    if 200 <= status < 300:
        return Posted(status)
    if status == GONE:
        return Posted(status, "gone")
    return Posted(status, "redirected" if 300 <= status < 400 else "refused")
