"""The jobs, batches, uploads and bytes that a tenant stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.store.runner import StorePart


@dataclass(frozen=True)
class Stored:
    """Numbers of what a tenant stores.

    Attributes:
        jobs: jobs that are not wiped, whatever their status.
        batches: batches that have not expired.
        uploads: uploads whose blobs are there.
        bytes: inputs and results of the jobs, and uploads; a blob that several hold counts once.
    """

    jobs: int
    batches: int
    uploads: int
    bytes: int


@dataclass(frozen=True)
class InputBytes:
    """Bytes of the inputs of a job.

    Attributes:
        own: bytes of blobs that are this job's alone.
        shared: bytes of each upload whose blob the job shares, by the upload's id.
    """

    own: int
    shared: Mapping[str, int] = field(default_factory=dict)


class Holdings(StorePart):
    """Counts of what tenants store."""

    def load(self, tenant: str) -> Stored:
        """Return what a tenant stores now.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        return read_stored(self._scripts.run("stored", tenant=tenant))


def read_stored(counts: Sequence[int]) -> Stored:
    """Read the counts as the scripts return them (`stored_of` in their library)."""
    return Stored(*counts)
