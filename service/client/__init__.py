"""The Python client of the service; `paintjob submit`, the demonstration and tests use it too.

It retries what is safe to retry and nothing else: a submission carries an idempotency key, so that
one whose answer got lost is not painted twice. docs/clients.md shows it at work.
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
