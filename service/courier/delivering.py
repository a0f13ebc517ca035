"""One delivery of a webhook: the document of a job, or of a batch that has ended."""

from __future__ import annotations

import random
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import structlog

from service.batches.answers import describe_batch_webhook
from service.courier.config import CourierSettings
from service.documents.jobs import describe_webhook
from service.documents.schemas import Answer
from service.outbound.webhooks import Message, Posted, post
from service.store import TakenWebhook
from service.telemetry import traces

BACKOFF_FACTOR = 3.0
MAX_DELAY_SECONDS = 6 * 3600
JITTER = 0.1

log = structlog.get_logger()


@dataclass(frozen=True)
class Tried:
    """Result of a delivery, and its duration."""

    posted: Posted
    seconds: float


def deliver(taken: TakenWebhook, settings: CourierSettings, deadline: float) -> Tried:
    """Send a document once; failures are returned, not raised.

    Args:
        taken: the event.
        settings: the courier's.
        deadline: when it must end, by `time.monotonic`: before the lease does.
    """
    started = time.monotonic()
    try:
        with _span_of(taken):
            message = build_message(taken, settings.public_url)
            posted = post(message, settings.webhook_policy, deadline, settings.webhook_ca_file)
    except Exception as error:
        # Any failure must count as a try, or the webhook would be tried forever.
        log.error("webhook_crashed", subject_id=taken.subject_id, error_type=type(error).__name__)
        posted = Posted(error="internal")
    return Tried(posted, time.monotonic() - started)


def build_message(taken: TakenWebhook, base_url: str) -> Message:
    """Build the message: the batch, or the job as it was at the event, without its place.

    Raises:
        ValueError: the record cannot be read, or has no webhook.
    """
    url, document = _describe(taken, base_url)
    if url is None:
        raise ValueError("an event in the outbox has no webhook URL")
    body = document.model_dump_json().encode()
    headers = traces.make_headers(traces.get_context())
    return Message(url, taken.event_id, body, taken.keys, headers)


def _span_of(taken: TakenWebhook) -> AbstractContextManager[object]:
    """Return the span of a delivery, in the trace of its job; none for what is not traced."""
    trace = taken.fields.get("trace", "")
    if not trace:
        return nullcontext()
    attributes = {"paintjob.job_id": taken.subject_id, "paintjob.webhook_id": taken.event_id}
    return traces.span("webhook", "client", parent=trace, attributes=attributes)


def _describe(taken: TakenWebhook, base_url: str) -> tuple[str | None, Answer]:
    """Return the URL and the document to send."""
    if taken.is_batch:
        batch = taken.read_batch()
        return batch.webhook_url, describe_batch_webhook(batch, base_url)
    record = taken.read_record()
    return record.spec.params.webhook_url, describe_webhook(record, base_url)


def next_delay(failures: int, first_seconds: float) -> float:
    """Return the seconds until the next try, after so many that failed before this one.

    They grow threefold up to six hours, and are spread by a tenth, so that webhooks that failed
    together do not come back together.
    """
    seconds = first_seconds * BACKOFF_FACTOR ** min(failures, 30)
    return min(seconds, MAX_DELAY_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
