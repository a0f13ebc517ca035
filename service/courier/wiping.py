"""Deletes the blobs on the wipe list.

Those of jobs deleted or expired, of uploads never submitted, and of claims that lost their job.
"""

from __future__ import annotations

import structlog

from service.contract.errors import StoreUnavailable
from service.store import JobStore, wiped_prefix
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
        prefix = wiped_prefix(member)
        try:
            count = blobs.delete_prefix(prefix)
        except StoreUnavailable:
            store.wipes.put_off(member)
            raise
        store.wipes.end(member)
        if count:
            log.info("wiped", prefix=prefix, blobs=count)
    return len(members)
