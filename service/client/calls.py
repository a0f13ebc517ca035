"""The calls of a service, as flows: what both clients have in common."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx2

from .answers import Document
from .documents import (
    Batch,
    BatchItem,
    BatchItems,
    BatchList,
    BatchPlan,
    Deliveries,
    Delivery,
    Job,
    JobList,
    Limits,
    ListedJob,
    Method,
    MethodList,
    Model,
    ModelList,
    Plan,
    Upload,
    Usage,
    Version,
)
from .events import EventReader
from .failures import PaintjobApiError, ResultDamaged, ServiceUnreachable
from .forms import Arguments, Picture, build_batch, build_upload
from .steps import REDIRECT, Flow, Patience, send
from .waiting import Waiting

Answer = TypeVar("Answer", bound=Document)
Item = TypeVar("Item")


def find_path(operation: str) -> str:
    """Return the path of an operation's call."""
    return "/masks" if operation == "mask" else f"/{operation}"


class Pages(Generic[Item]):
    """A list that is read page by page."""

    def __init__(
        self,
        calls: Calls,
        path: str,
        query: Mapping[str, str | list[str]],
        parse: Callable[[bytes], tuple[Sequence[Item], str | None]],
    ) -> None:
        self.has_more = True
        self._calls, self._path, self._parse = calls, path, parse
        self._query = dict(query)

    def read(self) -> Flow[Sequence[Item]]:
        """Return the items of the next page."""
        answer = yield from self._calls.send("GET", self._path, params=self._query)
        items, following = self._parse(answer.content)
        self.has_more = following is not None
        if following is not None:
            # Only the place: the host in the URL may be the service's public one.
            given = httpx2.URL(following).params
            self._query |= {name: given[name] for name in ("cursor", "first") if name in given}
        return items


class Calls:
    """The calls of one service.

    Args:
        patience: how long they are tried.
        redirects: whether results may come from the object store itself.
    """

    def __init__(self, patience: Patience, redirects: bool = False) -> None:
        self.patience = patience
        self.redirects = redirects

    def send(self, method: str, path: str, **arguments: Any) -> Flow[httpx2.Response]:
        """Send a request; arguments as of `steps.send`."""
        return send(self.patience, method, path, **arguments)

    def get(self, kind: type[Answer], path: str) -> Flow[Answer]:
        """Return a document."""
        return self.ask(kind, "GET", path)

    def ask(self, kind: type[Answer], method: str, path: str, **arguments: Any) -> Flow[Answer]:
        """Send a request; return the document in its response."""
        answer = yield from self.send(method, path, **arguments)
        return kind.model_validate_json(answer.content)

    def load(self, path: str) -> Flow[bytes]:
        """Return the bytes of a picture."""
        answer = yield from self.send("GET", path)
        return answer.content

    def load_result(self, job_id: str, index: int) -> Flow[bytes]:
        """Return the bytes of a result, from the object store if the service redirects there."""
        path = f"/jobs/{job_id}/results/{index}"
        if not self.redirects:
            return (yield from self.load(path))
        answer = yield from self.send("GET", path, params={"redirect": "true"}, may_redirect=True)
        if answer.status_code == REDIRECT:
            answer = yield from self.send("GET", answer.headers["Location"], is_elsewhere=True)
        return answer.content

    def submit(self, operation: str, form: Arguments, key: str | None) -> Flow[Job]:
        """Submit a picture under an idempotency key, a new one if it is None."""
        return self.ask(Job, "POST", find_path(operation), headers=_name_request(key), **form)

    def plan(self, operation: str, form: Arguments) -> Flow[Plan]:
        """Return the plan of a request."""
        return self.ask(Plan, "POST", find_path(operation), params={"dry_run": "true"}, **form)

    def list_jobs(self, filters: Mapping[str, str | list[str]]) -> Pages[ListedJob]:
        """Return the caller's jobs."""

        def parse(data: bytes) -> tuple[Sequence[ListedJob], str | None]:
            page = JobList.model_validate_json(data)
            return page.jobs, page.links.next

        return Pages(self, "/jobs", filters, parse)

    def list_batches(self) -> Pages[Batch]:
        """Return the caller's batches."""

        def parse(data: bytes) -> tuple[Sequence[Batch], str | None]:
            page = BatchList.model_validate_json(data)
            return page.batches, page.links.next

        return Pages(self, "/batches", {"limit": "100"}, parse)

    def list_items(self, batch_id: str) -> Pages[BatchItem]:
        """Return the items of a batch."""

        def parse(data: bytes) -> tuple[Sequence[BatchItem], str | None]:
            page = BatchItems.model_validate_json(data)
            return page.items, page.next

        return Pages(self, f"/batches/{batch_id}/items", {"limit": "200"}, parse)

    def wait(
        self, job_id: str, on_change: Callable[[Job], object] | None, seconds: float
    ) -> Flow[Job]:
        """Wait for the end of a job."""
        until = time.monotonic() + seconds
        return Waiting(self.patience, f"/jobs/{job_id}", Job, on_change, until).run()

    def wait_batch(
        self, batch_id: str, on_change: Callable[[Batch], object] | None, seconds: float
    ) -> Flow[Batch]:
        """Wait for the end of a batch."""
        until = time.monotonic() + seconds
        return Waiting(self.patience, f"/batches/{batch_id}", Batch, on_change, until).run()

    def save(self, job: Job, path: Path, index: int) -> Flow[None]:
        """Fetch a result, check its SHA-256, and write it."""
        data = yield from self.load_result(job.id, index)
        wanted = {output.index: output.sha256 for output in job.outputs}.get(index)
        if hashlib.sha256(data).hexdigest() != wanted:
            message = f"{job.id}: result {index} does not match its SHA-256; fetch it again"
            raise ResultDamaged(message)
        with writing(path) as beside:
            beside.write_bytes(data)

    def delete(self, path: str) -> Flow[None]:
        """Delete what a path names; nothing happens if it is deleted already."""
        try:
            yield from self.send("DELETE", path)
        except PaintjobApiError as error:
            # A retry whose first response was lost gets this too.
            if error.code != "job_expired":
                raise

    def upload(self, file: Picture) -> Flow[Upload]:
        """Upload a picture."""
        return self.ask(Upload, "POST", "/uploads", **build_upload(file))

    def submit_batch(
        self,
        order: Mapping[str, object],
        parts: Mapping[str, Picture] | None,
        key: str | None,
    ) -> Flow[Batch]:
        """Submit a batch under an idempotency key, a new one if it is None."""
        body = build_batch(order, parts)
        return self.ask(Batch, "POST", "/batches", headers=_name_request(key), **body)

    def plan_batch(
        self, order: Mapping[str, object], parts: Mapping[str, Picture] | None
    ) -> Flow[BatchPlan]:
        """Return the plan of a batch."""
        body, query = build_batch(order, parts), {"dry_run": "true"}
        return self.ask(BatchPlan, "POST", "/batches", params=query, **body)

    def open_results(self, batch_id: str) -> Flow[httpx2.Response]:
        """Return the response with the zip of a batch's results, to be read and closed."""
        return self.send("GET", f"/batches/{batch_id}/results.zip", stream=True)

    def open_events(self, path: str, reader: EventReader[Answer]) -> Flow[httpx2.Response]:
        """Return the response with the events after the last one, to be read and closed."""
        return self.send("GET", f"{path}/events", headers=reader.headers(), stream=True)

    def get_deliveries(self, subject_id: str) -> Flow[tuple[Delivery, ...]]:
        """Return the webhooks of a job or batch."""
        found = yield from self.get(Deliveries, f"{path_of(subject_id)}/deliveries")
        return found.deliveries

    def redeliver(self, subject_id: str, webhook_id: str | None) -> Flow[tuple[Delivery, ...]]:
        """Send a webhook of a job or batch again."""
        query = {} if webhook_id is None else {"params": {"webhook_id": webhook_id}}
        path = f"{path_of(subject_id)}/deliveries/redeliver"
        found = yield from self.ask(Deliveries, "POST", path, **query)
        return found.deliveries

    def get_models(self) -> Flow[tuple[Model, ...]]:
        """Return the models of the service."""
        return (yield from self.get(ModelList, "/models")).models

    def get_methods(self) -> Flow[tuple[Method, ...]]:
        """Return the methods of the service."""
        return (yield from self.get(MethodList, "/methods")).methods

    def get_limits(self) -> Flow[Limits]:
        """Return the limits of the caller."""
        return self.get(Limits, "/limits")

    def get_usage(self, days: int | None) -> Flow[Usage]:
        """Return what the caller has used."""
        query = {} if days is None else {"params": {"days": str(days)}}
        return self.ask(Usage, "GET", "/usage", **query)

    def get_version(self) -> Flow[Version]:
        """Return the version of the service."""
        return self.get(Version, "/version")


def path_of(subject_id: str) -> str:
    """Return the path of a job or a batch."""
    return f"/{'batches' if subject_id.startswith('batch_') else 'jobs'}/{subject_id}"


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a file beside another, which it replaces when it was written without an error."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def translating() -> Iterator[None]:
    """Raise `ServiceUnreachable` where the reading of a response breaks off."""
    try:
        yield
    except httpx2.TransportError as error:
        raise ServiceUnreachable(str(error) or type(error).__name__) from error


def order_batch(
    items: Sequence[Mapping[str, object]],
    defaults: Mapping[str, object] | None,
    tags: Sequence[str] | None,
    ttl_seconds: int | None,
    webhook_url: str | None,
) -> dict[str, object]:
    """Build the order of a batch, without what is not given."""
    order = {
        "items": list(items),
        "defaults": defaults,
        "tags": None if tags is None else list(tags),
        "ttl_seconds": ttl_seconds,
        "webhook_url": webhook_url,
    }
    return {name: value for name, value in order.items() if value is not None}


def _name_request(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}
