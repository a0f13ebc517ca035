"""The asynchronous client: the same calls as of the synchronous one, to be awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from .async_carrying import AsyncCarrier
from .calls import order_batch, translating, writing
from .connection import CHUNK_BYTES
from .documents import (
    Batch,
    BatchEvent,
    BatchItem,
    BatchPlan,
    Delivery,
    Job,
    JobEvent,
    Limits,
    ListedJob,
    Method,
    Model,
    Plan,
    Upload,
    Usage,
    Version,
)
from .events import EventReader
from .forms import JobMask, Picture, build_form

T = TypeVar("T")


class AsyncPaintjobClient(AsyncCarrier):
    """The asynchronous client of one service.

    Its methods, their arguments and their errors are those of `PaintjobClient`; what there is an
    iterator is an asynchronous one here. Callbacks are called as functions, not awaited.

    Args:
        url: URL of the service.
        timeout_seconds: limit of a single request.
        api_key: the key, if the service requires one.
        patience_seconds: how long a request is retried.
        reach_seconds: the same while the service has never answered.
    """

    # Jobs

    async def submit(
        self,
        operation: str,
        image: Picture,
        mask: Picture | JobMask | None = None,
        params: Mapping[str, object] | None = None,
        *,
        source_mask: Picture | None = None,
        reference_image: Picture | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit a picture."""
        form = build_form(image, mask, source_mask, reference_image, params)
        return await self._run(self._calls.submit(operation, form, idempotency_key))

    async def find(
        self,
        image: Picture,
        regions: Sequence[Mapping[str, object]],
        params: Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit a picture to have a mask found, by `POST /masks`; nothing is painted.

        Arguments as of `PaintjobClient.find`.
        """
        form = build_form(image, None, None, None, {**(params or {}), "regions": list(regions)})
        return await self._run(self._calls.submit("mask", form, idempotency_key))

    async def plan(
        self,
        operation: str,
        image: Picture,
        mask: Picture | JobMask | None = None,
        params: Mapping[str, object] | None = None,
        *,
        source_mask: Picture | None = None,
        reference_image: Picture | None = None,
    ) -> Plan:
        """Return the plan of a request without submitting it; arguments as in `submit`."""
        form = build_form(image, mask, source_mask, reference_image, params)
        return await self._run(self._calls.plan(operation, form))

    async def get_job(self, job_id: str) -> Job:
        """Return the present state of a job."""
        return await self._run(self._calls.get(Job, f"/jobs/{job_id}"))

    def list_jobs(self, **filters: str | list[str]) -> AsyncIterator[ListedJob]:
        """Yield the caller's jobs, newest first, page by page; without their outputs."""
        return self._iterate(self._calls.list_jobs(filters))

    async def wait(
        self,
        job_id: str,
        on_change: Callable[[Job], object] | None = None,
        timeout_seconds: float = 3600.0,
    ) -> Job:
        """Wait until a job has reached a final state."""
        return await self._run(self._calls.wait(job_id, on_change, timeout_seconds))

    def events(self, job_id: str) -> AsyncIterator[JobEvent]:
        """Yield a job's events from the first to the last; a stream that was cut is resumed."""
        return self._follow(f"/jobs/{job_id}", EventReader(JobEvent))

    async def get_result(self, job_id: str, index: int = 0) -> bytes:
        """Return the bytes of a result."""
        return await self._run(self._calls.load_result(job_id, index))

    async def get_mask(self, job_id: str) -> bytes:
        """Return the effective mask of a job, a PNG."""
        return await self._run(self._calls.load(f"/jobs/{job_id}/mask"))

    async def save(self, job: Job, path: Path, index: int = 0) -> None:
        """Fetch a result, check it against the job's document, and write it to a file."""
        await self._run(self._calls.save(job, path, index))

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job; return its present state, which is `running` until a worker has stopped."""
        return await self._run(self._calls.ask(Job, "POST", f"/jobs/{job_id}/cancel"))

    async def delete(self, job_id: str) -> None:
        """Delete a job with its pictures; does nothing if it is deleted already."""
        await self._run(self._calls.delete(f"/jobs/{job_id}"))

    # Batches and uploads

    async def upload(self, file: Picture) -> Upload:
        """Upload a picture once, for several requests: `{"upload": id}` in the items of a batch."""
        return await self._run(self._calls.upload(file))

    async def get_upload(self, upload_id: str) -> Upload:
        """Return an upload."""
        return await self._run(self._calls.get(Upload, f"/uploads/{upload_id}"))

    async def delete_upload(self, upload_id: str) -> None:
        """Delete an upload; jobs that use it keep it."""
        await self._run(self._calls.delete(f"/uploads/{upload_id}"))

    async def submit_batch(
        self,
        items: Sequence[Mapping[str, object]],
        parts: Mapping[str, Picture] | None = None,
        *,
        defaults: Mapping[str, object] | None = None,
        tags: Sequence[str] | None = None,
        ttl_seconds: int | None = None,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Submit many items under one id; each is accepted or refused by itself."""
        order = order_batch(items, defaults, tags, ttl_seconds, webhook_url)
        return await self._run(self._calls.submit_batch(order, parts, idempotency_key))

    async def plan_batch(
        self,
        items: Sequence[Mapping[str, object]],
        parts: Mapping[str, Picture] | None = None,
        *,
        defaults: Mapping[str, object] | None = None,
    ) -> BatchPlan:
        """Return the plan of each item of a batch; arguments as in `submit_batch`."""
        order = order_batch(items, defaults, None, None, None)
        return await self._run(self._calls.plan_batch(order, parts))

    def list_batches(self) -> AsyncIterator[Batch]:
        """Yield the caller's batches, newest first, page by page."""
        return self._iterate(self._calls.list_batches())

    async def get_batch(self, batch_id: str) -> Batch:
        """Return the present state of a batch."""
        return await self._run(self._calls.get(Batch, f"/batches/{batch_id}"))

    def list_batch_items(self, batch_id: str) -> AsyncIterator[BatchItem]:
        """Yield the items of a batch, in the order sent, page by page."""
        return self._iterate(self._calls.list_items(batch_id))

    async def wait_batch(
        self,
        batch_id: str,
        on_change: Callable[[Batch], object] | None = None,
        timeout_seconds: float = 3600.0,
    ) -> Batch:
        """Wait until all items of a batch have ended; arguments and errors as of `wait`."""
        return await self._run(self._calls.wait_batch(batch_id, on_change, timeout_seconds))

    def batch_events(self, batch_id: str) -> AsyncIterator[BatchEvent]:
        """Yield a batch as it is now and after each change, until it has ended or is deleted."""
        return self._follow(f"/batches/{batch_id}", EventReader(BatchEvent))

    async def save_batch_results(self, batch_id: str, path: Path) -> None:
        """Fetch the zip of an ended batch's results."""
        with writing(path) as beside, beside.open("wb") as file:
            answer = await self._run(self._calls.open_results(batch_id))
            async with aclosing(answer):
                with translating():
                    async for chunk in answer.aiter_bytes(CHUNK_BYTES):
                        await anyio.to_thread.run_sync(file.write, chunk)

    async def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel all jobs of a batch; return its present state."""
        return await self._run(self._calls.ask(Batch, "POST", f"/batches/{batch_id}/cancel"))

    async def delete_batch(self, batch_id: str) -> None:
        """Delete a batch with all its jobs."""
        await self._run(self._calls.delete(f"/batches/{batch_id}"))

    # Webhooks

    async def get_deliveries(self, subject_id: str) -> tuple[Delivery, ...]:
        """Return the webhooks of a job or a batch, and their tries."""
        return await self._run(self._calls.get_deliveries(subject_id))

    async def redeliver(
        self, subject_id: str, webhook_id: str | None = None
    ) -> tuple[Delivery, ...]:
        """Send the last webhook of a job or a batch again, or the one with this id."""
        return await self._run(self._calls.redeliver(subject_id, webhook_id))

    # The service

    async def get_models(self) -> tuple[Model, ...]:
        """Return the models that the service has, and those that it could have."""
        return await self._run(self._calls.get_models())

    async def get_methods(self) -> tuple[Method, ...]:
        """Return the methods of the service."""
        return await self._run(self._calls.get_methods())

    async def get_limits(self) -> Limits:
        """Return the limits of the caller, and what is left."""
        return await self._run(self._calls.get_limits())

    async def get_usage(self, days: int | None = None) -> Usage:
        """Return what each key of the caller's tenant has used, by day."""
        return await self._run(self._calls.get_usage(days))

    async def get_version(self) -> Version:
        """Return the version of the service."""
        return await self._run(self._calls.get_version())
