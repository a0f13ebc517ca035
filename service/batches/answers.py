"""The documents of batches and uploads, and the functions that build them."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import Field

from service.contract.times import Timestamp
from service.contract.webhooks import BATCH_COMPLETED
from service.documents.schemas import Answer, PageLinks, Plan, Problem
from service.store import BatchItem, BatchRecord, Upload


class BatchCounts(Answer):
    """Numbers of items of a batch by state; together all of them."""

    unfinished: int = Field(description="Queued, running, or not yet read.")
    succeeded: int
    failed: int
    canceled: int
    refused: int = Field(description="Never became a job; `items` has the reasons.")
    deleted: int = Field(description="Deleted before they had ended.")


class BatchLinks(Answer):
    """URLs of what belongs to the batch; null where there is nothing."""

    self: str
    items: str
    events: str = Field(description="Its progress as Server-Sent Events.")
    results: str | None = Field(description="A zip of all results, once the batch has ended.")
    cancel: str | None
    deliveries: str | None = Field(description="The deliveries of its webhook, if it has one.")


class Batch(Answer):
    """Many items under one id."""

    id: str = Field(examples=["batch_01KAQ3C8T6XW3V1Z0F9B2M4N5P"])
    status: Literal["accepting", "running", "ended"] = Field(
        description="`accepting` while its items are read, `ended` when every item has ended."
    )
    total: int
    counts: BatchCounts
    fraction: float = Field(description="Share of the items that have ended, 0..1.")
    created_at: Timestamp
    ended_at: Timestamp | None
    expires_at: Timestamp | None = Field(description="When it is deleted; null until it ends.")
    tags: list[str]
    webhook_url: str | None = Field(description="Where its document is sent once it has ended.")
    links: BatchLinks


class BatchList(Answer):
    """One page of the caller's batches, newest first."""

    batches: list[Batch]
    links: PageLinks


class PlannedItem(Answer):
    """The job that one item of a batch would become, or why it would be refused."""

    index: int = Field(description="Its place in `items` as sent, counted from 0.")
    plan: Plan | None = Field(description="Null if it would be refused.")
    problem: Problem | None = Field(description="Why it would be refused.")


class BatchPlan(Answer):
    """The jobs that a batch would become. Nothing was queued or kept."""

    total: int
    refused: int = Field(description="Number of items that would be refused.")
    megapixels: float = Field(description="Of all results together.")
    cost: float = Field(description="What the jobs would count for together.")
    items: list[PlannedItem]


class BatchEvent(Answer):
    """The data of one event of a batch's stream: the batch as it is then."""

    type: str = Field(
        description="The event's name: `progress`; `ended`, the last event; `wiped` (the batch was "
        "deleted; the last event)."
    )
    batch: Batch | None = Field(description="Null with `wiped`.")


class BatchWebhook(Batch):
    """The body of a batch's webhook: the batch."""

    type: Literal["batch.completed"] = Field(description="What happened.")


class BatchItemAnswer(Answer):
    """One item of a batch."""

    index: int = Field(description="Its place in `items` as sent, counted from 0.")
    status: Literal[
        "waiting", "refused", "queued", "running", "succeeded", "failed", "canceled", "wiped"
    ] = Field(
        description="The status of its job, or `waiting`: not yet read; `refused`: see `problem`; "
        "`wiped`: the job was deleted."
    )
    job_id: str | None
    problem: Problem | None = Field(description="Why it was refused.")
    url: str | None = Field(description="Of its job.")


class BatchItems(Answer):
    """A page of a batch's items, in the order in which they were sent."""

    items: list[BatchItemAnswer]
    next: str | None = Field(description="URL of the next page; null on the last.")


class UploadLinks(Answer):
    """URLs of the upload."""

    self: str


class UploadAnswer(Answer):
    """A picture that requests can name as `{"upload": id}`."""

    id: str = Field(examples=["upl_01KAQ3C8T6XW3V1Z0F9B2M4N5P"])
    bytes: int
    sha256: str
    format: str
    width: int = Field(description="Pixels, before EXIF orientation is applied.")
    height: int = Field(description="Pixels, before EXIF orientation is applied.")
    expires_at: Timestamp
    links: UploadLinks


def describe_batch(record: BatchRecord, base_url: str) -> Batch:
    """Build the document of a batch.

    Args:
        record: of the batch.
        base_url: prefix of all URLs; empty for relative ones.
    """
    url = f"{base_url}/batches/{record.batch_id}"
    ended = record.state == "ended"
    return Batch(
        id=record.batch_id,
        status=record.state,
        total=record.total,
        counts=BatchCounts(unfinished=record.total - record.over, **record.counts),
        fraction=record.over / record.total,
        created_at=record.created_at,
        ended_at=record.ended_at,
        expires_at=record.expires_at,
        tags=record.tags,
        webhook_url=record.webhook_url,
        links=BatchLinks(
            self=url,
            items=f"{url}/items",
            events=f"{url}/events",
            results=f"{url}/results.zip" if ended else None,
            cancel=None if ended else f"{url}/cancel",
            deliveries=f"{url}/deliveries" if record.webhook_url else None,
        ),
    )


def describe_batch_event(record: BatchRecord | None, base_url: str) -> str:
    """Return the data of an event of a batch, or that it was deleted."""
    if record is None:
        return BatchEvent(type="wiped", batch=None).model_dump_json()
    kind = "ended" if record.state == "ended" else "progress"
    return BatchEvent(type=kind, batch=describe_batch(record, base_url)).model_dump_json()


def describe_batch_webhook(record: BatchRecord, base_url: str) -> BatchWebhook:
    """Build the body of a batch's webhook; arguments as of `describe_batch`."""
    return BatchWebhook(**dict(describe_batch(record, base_url)), type=BATCH_COMPLETED)


def describe_page(
    batches: list[BatchRecord], limit: int, before: str | None, following: str | None, base_url: str
) -> BatchList:
    """Build a page of batches.

    Args:
        batches: of the page.
        limit: batches of a page at most.
        before: where this page begins, if it is not the first.
        following: where the next one begins, if there is one.
        base_url: prefix of all URLs; empty for relative ones.
    """

    def link(cursor: str | None) -> str:
        return f"{base_url}/batches?limit={limit}" + (f"&cursor={cursor}" if cursor else "")

    links = PageLinks(self=link(before), next=link(following) if following else None)
    return BatchList(batches=[describe_batch(one, base_url) for one in batches], links=links)


def describe_batch_plan(items: list[PlannedItem]) -> BatchPlan:
    """Build the plan of a batch."""
    plans = [item.plan for item in items if item.plan is not None]
    return BatchPlan(
        total=len(items),
        refused=len(items) - len(plans),
        megapixels=sum(plan.megapixels for plan in plans),
        cost=sum(plan.cost for plan in plans),
        items=items,
    )


def describe_items(items: list[BatchItem], following: str | None, base_url: str) -> BatchItems:
    """Build a page of items; `following` is the URL of the next one."""
    return BatchItems(items=[_describe_item(item, base_url) for item in items], next=following)


def describe_upload(upload: Upload, base_url: str) -> UploadAnswer:
    """Build the document of an upload."""
    return UploadAnswer(
        id=upload.upload_id,
        bytes=upload.bytes,
        sha256=upload.sha256,
        format=upload.format,
        width=upload.width,
        height=upload.height,
        expires_at=upload.expires_at,
        links=UploadLinks(self=f"{base_url}/uploads/{upload.upload_id}"),
    )


def _describe_item(item: BatchItem, base_url: str) -> BatchItemAnswer:
    is_job = item.kind == "job"
    return BatchItemAnswer.model_validate(
        {
            "index": item.index,
            "status": (item.status or "wiped") if is_job else item.kind,
            "job_id": item.text if is_job else None,
            "problem": json.loads(item.text) if item.kind == "refused" else None,
            "url": f"{base_url}/jobs/{item.text}" if is_job and item.status else None,
        }
    )
