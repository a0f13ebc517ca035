"""The verification of webhooks that the service sent.

Source: https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .documents import Batch, Job
from .failures import WebhookInvalid

TOLERANCE_SECONDS = 300.0
_PREFIX = "whsec_"


@dataclass(frozen=True)
class Webhook:
    """A verified webhook.

    Attributes:
        id: the same in every try of one event: ignore what was received before.
        type: the event, such as `job.succeeded` or `batch.completed`.
        document: the job or the batch.
    """

    id: str
    type: str
    document: Job | Batch


def verify_webhook(
    body: bytes,
    headers: Mapping[str, str],
    *secrets: str,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> Webhook:
    """Check that a webhook was signed by the service; return what it says.

    Args:
        body: the body of the request, unchanged.
        headers: its headers; names in any case.
        secrets: keys, `whsec_…`; one of them must have signed.
        tolerance_seconds: how far its time may lie from this machine's.

    Raises:
        WebhookInvalid: it is forged, changed, or too old.
        ValueError: a secret is not one.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        webhook_id, sent_at = found["webhook-id"], found["webhook-timestamp"]
        signatures = [one.partition(",")[2] for one in found["webhook-signature"].split()]
        age = abs(time.time() - int(sent_at))
    except (KeyError, ValueError):
        message = "the headers webhook-id, webhook-timestamp and webhook-signature must be there"
        raise WebhookInvalid(message) from None
    if age > tolerance_seconds:
        raise WebhookInvalid(f"it was signed {age:.0f} s before or after the present time")
    content = f"{webhook_id}.{sent_at}.".encode() + body
    wanted = [_sign(content, secret).encode() for secret in secrets]
    given = [signature.encode() for signature in signatures]
    if not any(hmac.compare_digest(one, other) for one in wanted for other in given):
        raise WebhookInvalid("it is not signed by any of these keys")
    return _read(webhook_id, body)


def _sign(content: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret must be whsec_ and base64, as it was printed") from None
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _read(webhook_id: str, body: bytes) -> Webhook:
    kind = Batch if webhook_id.startswith("batch_") else Job
    document: Job | Batch = kind.model_validate_json(body)
    extra = document.model_extra or {}
    # Services before 1.1 sent no `type`.
    default = "batch.completed" if kind is Batch else f"job.{document.status}"
    return Webhook(webhook_id, str(extra.get("type", default)), document)
