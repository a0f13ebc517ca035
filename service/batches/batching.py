"""The use case behind `/batches`: many items under one id, each accepted or refused by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import structlog

from service.batches.answers import PlannedItem
from service.batches.refusals import Refusals
from service.config import ServiceSettings
from service.contract.errors import (
    BrokerUnavailable,
    InvalidField,
    MissingResource,
    PaintjobError,
    StoreUnavailable,
)
from service.contract.faults import fault_of, raise_faults
from service.contract.jobs import BatchPlace
from service.contract.names import new_batch_id
from service.documents.jobs import describe_plan
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
from service.submission.inspection import Memo
from service.submission.intake import Intake
from service.submission.request import ParsedBody, Sender, build_request
from service.submission.submitter import Submitter, unsigned_fault

log = structlog.get_logger()

PAGE_ITEMS = 200
"""Items that one call of the broker reads."""


ParsedItem = Callable[[Intake], ParsedBody]
"""Moves the pictures of an item to an intake and returns the rest of it; raises PaintjobError."""


@dataclass(frozen=True)
class BatchOrder:
    """A batch to be submitted.

    Attributes:
        items: in order; each is read when its turn has come, and at most once.
        total: number of items.
        ttl_seconds: how long the ended batch is kept.
        tags: texts that its document repeats.
        webhook_url: where to send its document once it has ended.
        fingerprint: equal for two bodies that ask for the same.
        sender: the caller.
        idempotency_key: as sent.
    """

    items: Iterable[ParsedItem]
    total: int
    ttl_seconds: int
    tags: list[str]
    webhook_url: str | None
    fingerprint: str
    sender: Sender
    idempotency_key: str | None


class BatchSubmitter:
    """Accepts, cancels and deletes batches.

    Args:
        store: the job records.
        blobs: the pictures.
        submitter: accepts each item.
        settings: where webhooks may go, and the prefix of the URLs in problems.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: BlobStore,
        submitter: Submitter,
        settings: ServiceSettings,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._submitter = submitter
        self._settings = settings

    def submit(self, order: BatchOrder) -> tuple[BatchRecord, BegunBatch]:
        """Accept a batch; return its record, and how it was begun.

        A batch of which not every item could be submitted is deleted again, unless it has a key:
        sent again with the same key, it goes on where it broke off.

        Raises:
            InvalidField, WebhookKeyRequired: its webhook cannot be sent.
            TooMuchStored: the tenant may have no further batch.
            IdempotencyConflict, NotFound: the key is another batch's, or of one that was deleted.
            BrokerUnavailable, StoreUnavailable: nothing more can be accepted now.
        """
        self._check_webhook(order)
        begun = self._begin(order)
        try:
            self._submit_items(begun.batch_id, order)
        except BaseException:
            if order.idempotency_key is None:
                self._take_back(begun.batch_id, order.sender.tenant)
            raise
        return self.load(begun.batch_id, order.sender.tenant), begun

    def plan(self, order: BatchOrder) -> list[PlannedItem]:
        """Return the job that each item would become, or its problem; nothing is kept.

        Raises:
            InvalidField, WebhookKeyRequired: the batch's webhook could not be sent.
            BrokerUnavailable, StoreUnavailable: the items cannot be checked now.
        """
        self._check_webhook(order)
        memo = Memo()
        return [
            self._plan_item(index, item, order.sender, memo)
            for index, item in enumerate(order.items)
        ]

    def _plan_item(self, index: int, item: ParsedItem, sender: Sender, memo: Memo) -> PlannedItem:
        try:
            with self._submitter.open_intake(keeps=False) as intake:
                request = build_request(item(intake), intake, sender, None)
                planned = self._submitter.plan(request, memo)
        except (BrokerUnavailable, StoreUnavailable):
            raise
        except PaintjobError as error:
            problem = build_problem(error, sender.request_id, self._settings.public_url)
            return PlannedItem(index=index, plan=None, problem=problem)
        plan = describe_plan(planned.spec, planned.canvas)
        return PlannedItem(index=index, plan=plan, problem=None)

    def _check_webhook(self, order: BatchOrder) -> None:
        url, faults = order.webhook_url, []
        if url is None:
            return
        try:
            check_url(url, self._settings.webhook_policy)
        except InvalidField as error:
            faults.append(fault_of("/webhook_url", error))
        if not try_twice(lambda: self._store.signing_keys.has_any(order.sender.tenant)):
            faults.append(unsigned_fault())
        raise_faults(faults)

    def _begin(self, order: BatchOrder) -> BegunBatch:
        drawn, key = new_batch_id(), None
        if order.idempotency_key is not None:
            key = Idempotency(order.idempotency_key, order.fingerprint)
        return try_twice(
            lambda: self._store.batches.begin(
                drawn,
                order.sender.tenant,
                total=order.total,
                ttl_seconds=order.ttl_seconds,
                tags=order.tags,
                idempotency=key,
                webhook_url=order.webhook_url,
                limit=self._settings.stored_limits.batches,
            )
        )

    def load(self, batch_id: str, tenant: str) -> BatchRecord:
        """Return the record of a batch.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        return self._store.batches.load(batch_id, tenant)[0]

    def items(self, batch_id: str, tenant: str) -> Iterator[BatchItem]:
        """Yield every item of a batch, in order.

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
        """Delete a batch with all its jobs, without webhooks; can be repeated if it breaks off.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        self._store.batches.mute(batch_id, tenant)
        for item in self.items(batch_id, tenant):
            if item.kind == "job" and item.status:
                self._wipe(item.text, tenant)
        self._store.batches.forget(batch_id, tenant)

    def _submit_items(self, batch_id: str, order: BatchOrder) -> None:
        """Submit every item that an earlier try has not submitted."""
        tenant = order.sender.tenant
        refusals = Refusals(order.sender.request_id, self._settings.public_url)
        if self.load(batch_id, tenant).state != "accepting":
            return
        # Not refused ones: what a URL leads to may have changed since.
        done = {item.index for item in self.items(batch_id, tenant) if item.kind == "job"}
        memo = Memo()
        for index, item in enumerate(order.items):
            if index in done:
                continue
            try:
                place = BatchPlace(batch_id=batch_id, index=index)
                self._submit_item(item, place, order.sender, memo)
            except (BrokerUnavailable, StoreUnavailable):
                raise
            except PaintjobError as error:
                refusals.add(index, error)
        try_twice(
            lambda: self._store.batches.close(
                batch_id, problems=refusals.problems, runs=refusals.runs
            )
        )
        log.info("batch_accepted", batch_id=batch_id, refused=len(refusals))

    def _submit_item(self, item: ParsedItem, place: BatchPlace, sender: Sender, memo: Memo) -> None:
        with self._submitter.open_intake() as intake:
            # Of a batch that is sent again, no item is painted twice.
            key = f"{place.batch_id}/{place.index}"
            self._submitter.submit(build_request(item(intake), intake, sender, key, place), memo)

    def _wipe(self, job_id: str, tenant: str) -> None:
        with suppress(MissingResource):
            wipe_job(self._store, self._blobs, job_id, tenant)

    def _take_back(self, batch_id: str, tenant: str) -> None:
        try:
            self.delete(batch_id, tenant)
        except PaintjobError:
            log.warning("batch_not_deleted", batch_id=batch_id)
