"""The use case behind `/batches`: many items under one id, each accepted or refused by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from service.api.requests.batch_body import BatchBody, BatchRequest
from service.api.requests.json_body import take_pictures
from service.api.requests.reader import PICTURES, Body, judge_fields
from service.api.requests.references import OpenSource, Sources
from service.config import ServiceSettings
from service.contract.errors import (
    BrokerUnavailable,
    Fault,
    InvalidField,
    MissingResource,
    PaintjobError,
    StoreUnavailable,
)
from service.contract.faults import fault_of, raise_faults
from service.contract.jobs import BatchPlace
from service.contract.keys import KeyLimits
from service.contract.names import new_batch_id
from service.contract.params import Operation
from service.documents.problems import build_problem
from service.outbound.urls import check_url
from service.store import (
    BatchItem,
    BatchRecord,
    BegunBatch,
    Idempotency,
    JobStore,
    try_twice,
)
from service.store.blobs import BlobStore
from service.store.wiping import wipe_job
from service.submission.inspection import Asked
from service.submission.intake import Intake
from service.submission.picture_urls import PictureUrls
from service.submission.submitter import Submitter, unsigned_fault
from service.submission.uploads import Shelf

log = structlog.get_logger()

PAGE_ITEMS = 200
"""Items that are looked at in one call of the broker."""

MAX_TOLD_FAULTS = 10
"""Of a refused item. A small body could else, by its defaults, fill megabytes of the broker."""


@dataclass(frozen=True)
class AskedBatch:
    """One batch as it was read.

    Attributes:
        tenant: whose it is.
        key_id: the API key that it came with.
        key_limits: what that key may use up.
    """

    body: BatchBody
    tenant: str
    key_id: str
    key_limits: KeyLimits
    request_id: str
    idempotency_key: str | None


_OPERATIONS: Mapping[str, Operation] = {"inpaint": "inpaint", "outpaint": "outpaint"}


class BatchSubmitter:
    """Accepts batches, stops them, wipes them.

    Args:
        store: the job records.
        blobs: the pictures.
        submitter: accepts each item.
        shelf: pictures that items may name.
        picture_urls: fetches what items name by URL.
        settings: where webhooks may go, and the prefix of the URLs in problems.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: BlobStore,
        submitter: Submitter,
        shelf: Shelf,
        picture_urls: PictureUrls,
        settings: ServiceSettings,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._submitter = submitter
        self._shelf = shelf
        self._picture_urls = picture_urls
        self._settings = settings

    def submit(self, asked: AskedBatch) -> tuple[BatchRecord, bool]:
        """Accept a batch, or give the one of its key; tells whether it was there before.

        A batch that could not be handed in whole is taken back, unless it has a key: with the same
        one again the client goes on where it broke off.

        Raises:
            InvalidField, WebhookKeyRequired: nobody can be told at its webhook's URL.
            IdempotencyConflict, NotFound: the key is another batch's, or of one that was deleted.
            BrokerUnavailable, StoreUnavailable: nothing more can be accepted now.
        """
        self._check_webhook(asked)
        begun = self._begin(asked)
        try:
            self._fill(begun.batch_id, asked)
        except BaseException:
            if asked.idempotency_key is None:
                self._take_back(begun.batch_id, asked.tenant)
            raise
        return self.load(begun.batch_id, asked.tenant), begun.replayed

    def _check_webhook(self, asked: AskedBatch) -> None:
        url, faults = asked.body.request.webhook_url, []
        if url is None:
            return
        try:
            check_url(url, self._settings.webhook_policy)
        except InvalidField as error:
            faults.append(fault_of("/webhook_url", error))
        if not try_twice(lambda: self._store.signing_keys.has_any(asked.tenant)):
            faults.append(unsigned_fault())
        raise_faults(faults)

    def _begin(self, asked: AskedBatch) -> BegunBatch:
        drawn, request, key = new_batch_id(), asked.body.request, None
        if asked.idempotency_key is not None:
            key = Idempotency(asked.idempotency_key, asked.body.fingerprint)
        return try_twice(
            lambda: self._store.batches.begin(
                drawn,
                asked.tenant,
                total=len(request.items),
                ttl_seconds=request.ttl_seconds,
                tags=request.tags,
                idempotency=key,
                webhook_url=request.webhook_url,
            )
        )

    def load(self, batch_id: str, tenant: str) -> BatchRecord:
        """Give how a batch stands.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        return self._store.batches.load(batch_id, tenant)[0]

    def items(self, batch_id: str, tenant: str) -> Iterator[BatchItem]:
        """Give every item of a batch, in order.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        first, total = 0, 1
        while first < total:
            record, items = self._store.batches.load(
                batch_id, tenant, first=first, limit=PAGE_ITEMS
            )
            total = record.total
            yield from items
            first += PAGE_ITEMS

    def cancel(self, batch_id: str, tenant: str) -> BatchRecord:
        """Cancel every job of a batch that has not ended.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        for item in self.items(batch_id, tenant):
            if item.status in ("queued", "running"):
                self._store.jobs.request_cancel(item.text, tenant)
        return self.load(batch_id, tenant)

    def delete(self, batch_id: str, tenant: str) -> None:
        """Wipe a batch with all its jobs, telling nobody; may be repeated when it broke off.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        self._store.batches.mute(batch_id, tenant)
        for item in self.items(batch_id, tenant):
            if item.kind == "job" and item.status:
                self._wipe(item.text, tenant)
        self._store.batches.forget(batch_id, tenant)

    def _fill(self, batch_id: str, asked: AskedBatch) -> None:
        """Hand in every item, unless that was done before."""
        if self.load(batch_id, asked.tenant).state != "accepting":
            return
        request, refusals, sources = asked.body.request, [], self._list_sources(asked)
        # Where it broke off before; what a URL leads to may have changed since.
        done = {item.index for item in self.items(batch_id, asked.tenant) if item.kind == "job"}
        for index, item in enumerate(request.items):
            if index in done:
                continue
            place = BatchPlace(batch_id=batch_id, index=index)
            try:
                self._submit_item(_complete(item, request), place, asked, sources)
            except (BrokerUnavailable, StoreUnavailable):
                raise
            except PaintjobError as error:
                refusals.append((index, self._describe(error, asked)))
        try_twice(lambda: self._store.batches.close(batch_id, refusals))
        log.info("batch_accepted", batch_id=batch_id, refused=len(refusals))

    def _describe(self, error: PaintjobError, asked: AskedBatch) -> str:
        problem = build_problem(error, asked.request_id, self._settings.public_url)
        told = problem.errors[:MAX_TOLD_FAULTS]
        return problem.model_copy(update={"errors": told}).model_dump_json()

    def _list_sources(self, asked: AskedBatch) -> Sources:
        sources: dict[str, OpenSource] = {
            "part": asked.body.parts.read,
            "upload": lambda upload_id: self._shelf.read(upload_id, asked.tenant),
        }
        if self._picture_urls.is_open:
            sources["url"] = self._picture_urls.open_budget()
        return sources

    def _submit_item(
        self, item: dict[str, Any], place: BatchPlace, asked: AskedBatch, sources: Sources
    ) -> None:
        operation = _OPERATIONS.get(str(item.pop("operation", None)))
        if operation is None:
            message = "is required: inpaint or outpaint"
            raise_faults([Fault("/operation", "invalid_field", message, tuple(_OPERATIONS))])
            return
        with self._submitter.open_intake() as intake:
            body = _read_item(item, operation, intake, sources)
            self._submitter.submit(
                Asked(
                    operation=operation,
                    params=body.params,
                    intake=intake,
                    tenant=asked.tenant,
                    key_id=asked.key_id,
                    key_limits=asked.key_limits,
                    request_id=asked.request_id,
                    # Of a batch that is handed in again, no item is painted twice.
                    idempotency_key=f"{place.batch_id}/{place.index}",
                    faults=body.faults,
                    batch=place,
                )
            )

    def _wipe(self, job_id: str, tenant: str) -> None:
        with suppress(MissingResource):
            wipe_job(self._store, self._blobs, job_id, tenant)

    def _take_back(self, batch_id: str, tenant: str) -> None:
        try:
            self.delete(batch_id, tenant)
        except PaintjobError:
            log.warning("batch_left", batch_id=batch_id)


def _complete(item: Mapping[str, Any], request: BatchRequest) -> dict[str, Any]:
    """Give an item with what the batch says for all of them."""
    fields = {**request.defaults, **item}
    # What is handed out once has a life of its own, which the batch's would be too long for.
    if fields.get("no_store") is not True:
        fields.setdefault("ttl_seconds", request.ttl_seconds)
    return fields


def _read_item(
    item: dict[str, Any], operation: Operation, intake: Intake, sources: Sources
) -> Body:
    return judge_fields(
        take_pictures(item, intake, PICTURES[operation], sources), operation, intake
    )
