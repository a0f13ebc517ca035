"""Masks of jobs that stand where a mask stands: `"mask": {"job": id}`."""

from __future__ import annotations

from collections.abc import Iterator

from service.contract.errors import MissingResource
from service.contract.names import is_job_id
from service.store import JobStore, try_twice
from service.store.blobs import BlobStore


class JobMasks:
    """Opens the effective masks of jobs.

    They are copied, not shared: the other job may be wiped at any time.
    """

    def __init__(self, store: JobStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def open(self, job_id: str, tenant: str) -> Iterator[bytes]:
        """Return the bytes of a job's mask, a PNG.

        Raises:
            ValueError: there is none; the text is for the caller.
            BrokerUnavailable, StoreUnavailable: it cannot be read now.
        """
        path = self._find(job_id, tenant)
        try:
            return self._blobs.stream(path)
        except FileNotFoundError:
            raise ValueError("is a job that has been wiped; make the mask again") from None

    def _find(self, job_id: str, tenant: str) -> str:
        if not is_job_id(job_id):
            raise ValueError("must be the id of a job, as POST /masks returns it")
        try:
            record = try_twice(lambda: self._store.jobs.load(job_id, tenant)).record
        except MissingResource:
            raise ValueError("is not one of your jobs, or has been wiped") from None
        if not record.status.is_terminal:
            raise ValueError("is a job that has not ended yet; wait for it first")
        if record.mask_path is None:
            raise ValueError("is a job without a mask: see its operation and its error")
        return record.mask_path
