"""The Python client of the service, which `paintjob submit` and the demonstration use too.

It retries only requests that are safe to retry: a submission carries an idempotency key, so that
one whose response was lost is not painted twice. docs/clients.md shows its use.
"""

from service.client.answers import (
    ClientFailure,
    ClientJob,
    ClientOutput,
    ClientPlan,
    ClientProgress,
    ClientProof,
    ClientTimings,
    ClientWarning,
)
from service.client.client import PaintjobClient
from service.client.failures import PaintjobApiError, ResultDamaged, ServiceUnreachable
from service.client.forms import Picture

__all__ = [
    "ClientFailure",
    "ClientJob",
    "ClientOutput",
    "ClientPlan",
    "ClientProgress",
    "ClientProof",
    "ClientTimings",
    "ClientWarning",
    "PaintjobApiError",
    "PaintjobClient",
    "Picture",
    "ResultDamaged",
    "ServiceUnreachable",
]
