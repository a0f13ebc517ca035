"""Wiping a job now: its record by one script, its pictures right after. Knows no Flask.

The script puts the pictures on the wipe list too, and the courier goes through that a second later
and again when no worker can write any more. So a wipe that fails here is repeated.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator

import structlog

from service.contract.errors import (
    BrokerUnavailable,
    MissingResource,
    StoreUnavailable,
)
from service.contract.names import job_prefix
from service.store import JobStore, try_twice
from service.store.blobs import BlobStore

log = structlog.get_logger()


def wipe_job(store: JobStore, blobs: BlobStore, job_id: str, tenant: str) -> None:
    """Wipe a job, whatever its status: record, events, idempotency key and pictures.

    Raises:
        NotFound, JobExpired: as `JobRecords.load`.
        BrokerUnavailable: whether the record is gone is not known.
    """
    delete_id = secrets.token_hex(8)
    try_twice(lambda: store.jobs.delete(job_id, tenant, delete_id=delete_id))
    try:
        blobs.delete_prefix(job_prefix(job_id))
    except StoreUnavailable:
        log.warning("wipe_put_off", job_id=job_id)


def wipe_after(
    chunks: Iterable[bytes], size: int, wipe: Callable[[], None], has_arrived: Callable[[], bool]
) -> Iterator[bytes]:
    """Yield the pieces of a picture, and wipe its job once all have been taken.

    The server has written out a piece when the next is asked for, but some megabytes of that still
    lie in this machine. If the caller goes away before it has them, or the broker does, the job
    stays until its time is up.

    Args:
        chunks: the pieces.
        size: bytes of all of them.
        wipe: wipes the job.
        has_arrived: waits until the caller's machine has received all bytes, and returns False if
            it will not.
    """
    taken = 0
    for chunk in chunks:
        yield chunk
        taken += len(chunk)
    if taken != size or not has_arrived():
        return
    try:
        wipe()
    except MissingResource:
        # Another request took the last piece first.
        return
    except BrokerUnavailable:
        log.warning("wipe_failed")
