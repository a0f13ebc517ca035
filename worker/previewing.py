"""Writes previews to the blob store beside the painting, so that a slow store delays nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import structlog

from service.contract.names import preview_path
from service.store.blobs import BlobStore
from worker.messages import OfCall, Preview

Claim = tuple[str, str]
"""Job id and token."""

log = structlog.get_logger()


class PreviewWriter:
    """Writes the latest preview of each claim and reports it, on a thread of its own.

    Args:
        blobs: the store; not one that repeats calls, which would write stale previews.
        send: writes a message; called on the writer's thread.
    """

    def __init__(self, blobs: BlobStore, send: Callable[[OfCall], None]) -> None:
        self._blobs = blobs
        self._send = send
        self._changed = threading.Condition()
        self._waiting: dict[Claim, bytes] = {}
        self._numbers: dict[Claim, int] = {}

    def start(self) -> None:
        """Start the thread; it ends with the process."""
        threading.Thread(target=self._run, name="previews", daemon=True).start()

    def begin(self, claims: Iterable[Claim]) -> None:
        """Take previews of these claims from now on."""
        with self._changed:
            self._numbers = dict.fromkeys(claims, 0)

    def put(self, job_id: str, token: str, jpeg: bytes) -> None:
        """Have a preview written soon; it replaces one that still waits."""
        with self._changed:
            self._waiting[job_id, token] = jpeg
            self._changed.notify()

    def end(self) -> None:
        """Take no more previews, and report none."""
        with self._changed:
            self._waiting.clear()
            self._numbers.clear()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                claim = next(iter(self._waiting))
                jpeg, number = self._waiting.pop(claim), self._numbers.get(claim)
            if number is None:
                continue
            try:
                self._write(claim, number, jpeg)
            except Exception as error:
                # One preview is lost; the next one may succeed.
                log.warning("preview_lost", job_id=claim[0], error=type(error).__name__)

    def _write(self, claim: Claim, number: int, jpeg: bytes) -> None:
        path = preview_path(*claim, number)
        self._blobs.put(path, jpeg)
        with self._changed:
            is_wanted = claim in self._numbers
            if is_wanted:
                self._numbers[claim] = number + 1
                self._send(OfCall(claim[1], (Preview(claim[0], path),)))
        if not is_wanted:
            # It is painted meanwhile, and its blobs may have been wiped already.
            self._blobs.delete(path)
