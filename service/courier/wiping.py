"""Deletes the blobs on the wipe list: of jobs deleted or expired, of uploads never submitted."""

from __future__ import annotations

import structlog

from service.contract.errors import StoreUnavailable
from service.contract.names import job_prefix
from service.store import JobStore, wiped_owner_id
from service.store.blobs import BlobStore

log = structlog.get_logger()


def wipe_due(store: JobStore, blobs: BlobStore) -> int:
    """Delete what is due; return how many entries were done.

    An entry leaves the list only after its blobs are gone, so a crash in between repeats the work.
    An entry whose blobs cannot be deleted is put off, so that it delays no other.

    Raises:
        BrokerUnavailable: Redis does not answer.
        StoreUnavailable: the blob store did not delete; the rest waits for the next round.
    """
    members = store.wipes.take()
    for member in members:
        owner_id = wiped_owner_id(member)
        try:
            count = blobs.delete_prefix(job_prefix(owner_id))
        except StoreUnavailable:
            store.wipes.put_off(member)
            raise
        store.wipes.end(member)
        if count:
            log.info("wiped", owner_id=owner_id, blobs=count)
    return len(members)
