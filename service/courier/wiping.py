"""Deletes the blobs on the wipe list: of jobs deleted or expired, of uploads never submitted."""

from __future__ import annotations

import structlog

from service.contract.blobs import BlobStore
from service.contract.names import job_prefix
from service.contract.store import JobStore, wiped_job_id

log = structlog.get_logger()


def wipe_due(store: JobStore, blobs: BlobStore) -> int:
    """Delete what is due; gives how many entries were done.

    An entry leaves the list only after its blobs are gone, so that a crash in between repeats the
    work.

    Raises:
        BrokerUnavailable: Redis does not answer.
        StoreUnavailable: the blob store does not answer.
    """
    members = store.take_wipes()
    for member in members:
        job_id = wiped_job_id(member)
        count = blobs.delete_prefix(job_prefix(job_id))
        store.end_wipe(member)
        if count:
            log.info("wiped", job_id=job_id, blobs=count)
    return len(members)
