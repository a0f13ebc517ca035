"""The synchronous client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from .calls import order_batch, translating, writing
from .carrying import Carrier
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


class PaintjobClient(Carrier):
    """A client of one service. Not to be shared by threads that may close it.

    Every method raises `PaintjobApiError` when the service refuses, and `ServiceUnreachable` when
    it does not answer. Before that a request is retried, for `patience_seconds`, when there was no
    response or a temporary error (429, 502, 503, 504; `Retry-After` is respected).

    Args:
        url: URL of the service, such as `http://127.0.0.1:8080`.
        timeout_seconds: limit of a single request.
        api_key: the key, `pj_…`, if the service requires one.
        patience_seconds: how long a request is retried; with a longer `Retry-After` the error is
        raised at once.
        reach_seconds: how long connecting may take, and how long a request is retried while the
        service has never answered.
        redirects: whether results are fetched from the object store itself, by a URL that the
        service makes for each, where it can; that host is sent no API key.
    """

    # Jobs

    def submit(
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
        """Submit a picture.

        Args:
            operation: `inpaint`, `outpaint` or `mask`.
            image: the picture: a file, its content, or its name and content.
            mask: the part to repaint, for `inpaint`, or `{"job": id}`, the mask of a job; absent if
            `params` has it in another form.
            params: the other fields; None counts as absent, lists and objects are sent as JSON.
            source_mask: the part that `patch` may copy from.
            reference_image: a picture that the model looks at, such as the product to put in.
            idempotency_key: identifies this submission, so that a restarted program may repeat it;
            generated when absent.
        """
        form = build_form(image, mask, source_mask, reference_image, params)
        return self._run(self._calls.submit(operation, form, idempotency_key))

    def find(
        self,
        image: Picture,
        regions: Sequence[Mapping[str, object]],
        params: Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit a picture to have a mask found, by `POST /masks`; nothing is painted.

        Args:
            image: as in `submit`.
            regions: what to mark, such as `[{"find": "text"}]`.
            params: the other fields.
            idempotency_key: as in `submit`.
        """
        form = build_form(image, None, None, None, {**(params or {}), "regions": list(regions)})
        return self._run(self._calls.submit("mask", form, idempotency_key))

    def plan(
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
        return self._run(self._calls.plan(operation, form))

    def get_job(self, job_id: str) -> Job:
        """Return the present state of a job."""
        return self._run(self._calls.get(Job, f"/jobs/{job_id}"))

    def list_jobs(self, **filters: str | list[str]) -> Iterator[ListedJob]:
        """Yield the caller's jobs, newest first, page by page; without their outputs.

        Args:
            filters: parameters of `GET /jobs`: `status="running"`, `status=["queued", "running"]`,
            `tag="shop"`, `limit="100"` jobs a page.
        """
        return self._iterate(self._calls.list_jobs(filters))

    def wait(
        self,
        job_id: str,
        on_change: Callable[[Job], object] | None = None,
        timeout_seconds: float = 3600.0,
    ) -> Job:
        """Wait until a job has reached a final state.

        The service is asked to hold the request until the job changes. If it does not, the job is
        polled: soon at first, because many jobs are short, then by `Retry-After`.

        Args:
            job_id: the job.
            on_change: called with the job at each change, the last one included.
            timeout_seconds: the longest wait.

        Raises:
            TimeoutError: the job has not ended by then, and continues.
            PaintjobApiError: the service refused.
            ServiceUnreachable: the service did not answer.
        """
        return self._run(self._calls.wait(job_id, on_change, timeout_seconds))

    def events(self, job_id: str) -> Iterator[JobEvent]:
        """Yield a job's events from the first to the last; a stream that was cut is resumed.

        The last one has the whole job in its field `job`, or says that the job was deleted.
        """
        return self._follow(f"/jobs/{job_id}", EventReader(JobEvent))

    def get_result(self, job_id: str, index: int = 0) -> bytes:
        """Return the bytes of a result."""
        return self._run(self._calls.load_result(job_id, index))

    def get_mask(self, job_id: str) -> bytes:
        """Return the effective mask of a job, a PNG."""
        return self._run(self._calls.load(f"/jobs/{job_id}/mask"))

    def save(self, job: Job, path: Path, index: int = 0) -> None:
        """Fetch a result, check it against the job's document, and write it to a file.

        The file is written completely or not at all.

        Args:
            job: the job, after its end.
            path: the file; an existing one is replaced.
            index: index of the result.

        Raises:
            ResultDamaged: the bytes do not match the SHA-256 in the job's document.
            PaintjobApiError: the service refused, for instance because the job has failed.
            ServiceUnreachable: it did not answer.
        """
        self._run(self._calls.save(job, path, index))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; return its present state, which is `running` until a worker has stopped."""
        return self._run(self._calls.ask(Job, "POST", f"/jobs/{job_id}/cancel"))

    def delete(self, job_id: str) -> None:
        """Delete a job with its pictures; does nothing if it is deleted already."""
        self._run(self._calls.delete(f"/jobs/{job_id}"))

    # Batches and uploads

    def upload(self, file: Picture) -> Upload:
        """Upload a picture once, for several requests: `{"upload": id}` in the items of a batch."""
        return self._run(self._calls.upload(file))

    def get_upload(self, upload_id: str) -> Upload:
        """Return an upload."""
        return self._run(self._calls.get(Upload, f"/uploads/{upload_id}"))

    def delete_upload(self, upload_id: str) -> None:
        """Delete an upload; jobs that use it keep it."""
        self._run(self._calls.delete(f"/uploads/{upload_id}"))

    def submit_batch(
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
        """Submit many items under one id; each is accepted or refused by itself.

        Args:
            items: each has an `operation`, and the fields of `POST /inpaint` or `/outpaint` as
            JSON. A picture is `{"part": name}`, `{"upload": id}`, `{"url": …}` or base64.
            parts: the pictures that items name by `part`.
            defaults: fields of every item that does not set them.
            tags: short texts that the batch returns.
            ttl_seconds: how long the ended batch is kept.
            webhook_url: where the batch is sent once it has ended.
            idempotency_key: identifies this batch, so that a restarted program may repeat it;
            generated when absent.
        """
        order = order_batch(items, defaults, tags, ttl_seconds, webhook_url)
        return self._run(self._calls.submit_batch(order, parts, idempotency_key))

    def plan_batch(
        self,
        items: Sequence[Mapping[str, object]],
        parts: Mapping[str, Picture] | None = None,
        *,
        defaults: Mapping[str, object] | None = None,
    ) -> BatchPlan:
        """Return the plan of each item of a batch; arguments as in `submit_batch`."""
        order = order_batch(items, defaults, None, None, None)
        return self._run(self._calls.plan_batch(order, parts))

    def list_batches(self) -> Iterator[Batch]:
        """Yield the caller's batches, newest first, page by page."""
        return self._iterate(self._calls.list_batches())

    def get_batch(self, batch_id: str) -> Batch:
        """Return the present state of a batch."""
        return self._run(self._calls.get(Batch, f"/batches/{batch_id}"))

    def list_batch_items(self, batch_id: str) -> Iterator[BatchItem]:
        """Yield the items of a batch, in the order sent, page by page."""
        return self._iterate(self._calls.list_items(batch_id))

    def wait_batch(
        self,
        batch_id: str,
        on_change: Callable[[Batch], object] | None = None,
        timeout_seconds: float = 3600.0,
    ) -> Batch:
        """Wait until all items of a batch have ended; arguments and errors as of `wait`."""
        return self._run(self._calls.wait_batch(batch_id, on_change, timeout_seconds))

    def batch_events(self, batch_id: str) -> Iterator[BatchEvent]:
        """Yield a batch as it is now and after each change, until it has ended or is deleted."""
        return self._follow(f"/batches/{batch_id}", EventReader(BatchEvent))

    def save_batch_results(self, batch_id: str, path: Path) -> None:
        """Fetch the zip of an ended batch's results; the file is written completely or not at all.

        Args:
            batch_id: the batch.
            path: the file; an existing one is replaced.
        """
        with writing(path) as beside, beside.open("wb") as file:
            answer = self._run(self._calls.open_results(batch_id))
            with closing(answer), translating():
                for chunk in answer.iter_bytes(CHUNK_BYTES):
                    file.write(chunk)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel all jobs of a batch; return its present state."""
        return self._run(self._calls.ask(Batch, "POST", f"/batches/{batch_id}/cancel"))

    def delete_batch(self, batch_id: str) -> None:
        """Delete a batch with all its jobs."""
        self._run(self._calls.delete(f"/batches/{batch_id}"))

    # Webhooks

    def get_deliveries(self, subject_id: str) -> tuple[Delivery, ...]:
        """Return the webhooks of a job or a batch, and their tries."""
        return self._run(self._calls.get_deliveries(subject_id))

    def redeliver(self, subject_id: str, webhook_id: str | None = None) -> tuple[Delivery, ...]:
        """Send the last webhook of a job or a batch again, or the one with this id."""
        return self._run(self._calls.redeliver(subject_id, webhook_id))

    # The service

    def get_models(self) -> tuple[Model, ...]:
        """Return the models that the service has, and those that it could have."""
        return self._run(self._calls.get_models())

    def get_methods(self) -> tuple[Method, ...]:
        """Return the methods of the service."""
        return self._run(self._calls.get_methods())

    def get_limits(self) -> Limits:
        """Return the limits of the caller, and what is left."""
        return self._run(self._calls.get_limits())

    def get_usage(self, days: int | None = None) -> Usage:
        """Return what each key of the caller's tenant has used, by day."""
        return self._run(self._calls.get_usage(days))

    def get_version(self) -> Version:
        """Return the version of the service."""
        return self._run(self._calls.get_version())
