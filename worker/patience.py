"""A blob store that is asked again while it does not answer."""

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
    """What a horse reads and writes through: a store that is away for a while costs no job.

    A cancel meanwhile is the parent's to see: it kills a horse that does not listen.
    """

    patience_seconds = 60.0

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """See `BlobStore`; raises only when the patience is at its end."""
        self._patiently(lambda: super(PatientBlobs, self).put_all(blobs))

    def get(self, path: str) -> bytes:
        """See `BlobStore`; raises only when the patience is at its end."""
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
