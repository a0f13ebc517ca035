"""The sending of webhooks: signed by Standard Webhooks, to checked addresses, no redirects.

Source: https://www.standardwebhooks.com
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

from service.contract.errors import InvalidField
from service.contract.version import get_version
from service.outbound.exchange import ExchangeFailed, Headers, exchanging
from service.outbound.urls import OutboundPolicy, parse_url

GONE = 410


@dataclass(frozen=True)
class Message:
    """One webhook to send.

    Attributes:
        url: the receiver.
        webhook_id: the same in every try.
        body: the document of the job or batch.
        keys: signing keys; the receiver needs one of them.
        headers: further headers, which are not signed.
    """

    url: str
    webhook_id: str
    body: bytes
    keys: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Posted:
    """The outcome of one try.

    Attributes:
        status: HTTP status of the response, if there is one.
        error: the reason why it does not count as delivered; `None` if it does.
    """

    status: int | None = None
    error: str | None = None

    @property
    def is_final(self) -> bool:
        """True if the receiver wants no further webhook for this URL."""
        return self.status == GONE


def sign(message: Message, now: datetime) -> dict[bytes | str, bytes | str]:
    """Return the three headers of a webhook; one signature a key, so that keys can be rotated.

    Args:
        message: the webhook.
        now: the time of this try, in UTC.
    """
    text = message.body.decode()
    signatures = [Webhook(key).sign(message.webhook_id, now, text) for key in message.keys]
    return {
        "webhook-id": message.webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def post(
    message: Message, policy: OutboundPolicy, deadline: float, ca_file: Path | None = None
) -> Posted:
    """Send a webhook once.

    Each try has its own connection: the address is checked every time, and only the status of the
    response is read.

    Args:
        message: the webhook.
        policy: the targets that are allowed.
        deadline: end of the try, by `time.monotonic`.
        ca_file: additional trusted certificates, PEM.
    """
    if not message.keys:
        return Posted(error="no_signing_key")
    try:
        url = parse_url(message.url, policy)
        headers = _build_headers(message)
        with exchanging("POST", url, headers, policy, deadline, ca_file, message.body) as answer:
            return _judge(answer.status)
    except InvalidField:
        return Posted(error="url_refused")
    except ExchangeFailed as error:
        return Posted(error=error.reason)


def _build_headers(message: Message) -> Headers:
    headers: dict[bytes | str, bytes | str] = {
        "Content-Type": "application/json",
        "Content-Length": str(len(message.body)),
        "User-Agent": f"Paintjob/{get_version()}",
        "Accept": "*/*",
        **sign(message, datetime.now(UTC)),
    }
    headers.update(message.headers)
    return headers


def _judge(status: int) -> Posted:
    if 200 <= status < 300:
        return Posted(status)
    if status == GONE:
        return Posted(status, "gone")
    return Posted(status, "redirected" if 300 <= status < 400 else "refused")
