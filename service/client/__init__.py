"""The Python client of the service: installed alone as `paintjob_client`, here as `service.client`.

It retries only requests that are safe to retry: a submission carries an idempotency key, so that
one whose response was lost is not painted twice. docs/clients.md shows its use. Knows nothing of
the service's code.
"""

from .async_client import AsyncPaintjobClient
from .client import PaintjobClient
from .documents import (
    Batch,
    BatchEvent,
    BatchItem,
    BatchPlan,
    Delivery,
    Job,
    JobEvent,
    JobFailure,
    JobWarning,
    Limits,
    ListedJob,
    Method,
    Model,
    Output,
    Plan,
    Progress,
    Proof,
    Timings,
    Upload,
    Usage,
    UsageDay,
    Version,
)
from .failures import PaintjobApiError, ResultDamaged, ServiceUnreachable, WebhookInvalid
from .forms import Picture
from .webhooks import Webhook, verify_webhook

__all__ = [
    "AsyncPaintjobClient",
    "Batch",
    "BatchEvent",
    "BatchItem",
    "BatchPlan",
    "Delivery",
    "Job",
    "JobEvent",
    "JobFailure",
    "JobWarning",
    "Limits",
    "ListedJob",
    "Method",
    "Model",
    "Output",
    "PaintjobApiError",
    "PaintjobClient",
    "Picture",
    "Plan",
    "Progress",
    "Proof",
    "ResultDamaged",
    "ServiceUnreachable",
    "Timings",
    "Upload",
    "Usage",
    "UsageDay",
    "Version",
    "Webhook",
    "WebhookInvalid",
    "verify_webhook",
]
