"""A blob store that repeats a call while the store does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import structlog

from service.contract.errors import StoreUnavailable
from service.store.blobs import BlobStore

Answer = TypeVar("Answer")

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 2.0

log = structlog.get_logger()


class PatientBlobs(BlobStore):
    """Blobs of a horse: a store that is away for a while costs no job.

    Meanwhile the parent obeys cancels: it kills a horse that does not react.
    """

    patience_seconds = 60.0

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """See `BlobStore`; raises only after `patience_seconds`."""
        self._patiently(lambda: super(PatientBlobs, self).put_all(blobs))

    def get(self, path: str) -> bytes:
        """See `BlobStore`; raises only after `patience_seconds`."""
        return self._patiently(lambda: super(PatientBlobs, self).get(path))

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        give_up_at = time.monotonic() + self.patience_seconds
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return call()
            except StoreUnavailable:
                if time.monotonic() + wait > give_up_at:
                    raise
                log.warning("store_silent", wait_seconds=wait)
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
