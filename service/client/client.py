"""The calls of a service, as methods."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from service.client.answers import ClientJob, ClientPlan
from service.client.failures import PaintjobApiError, ResultDamaged
from service.client.forms import Picture, build_form
from service.client.transport import Transport
from service.client.waiting import OnChange, Waiting


class PaintjobClient:
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
    """

    def __init__(
        self,
        url: str,
        timeout_seconds: float = 60.0,
        *,
        api_key: str | None = None,
        patience_seconds: float = 60.0,
    ) -> None:
        self._transport = Transport(url, api_key, timeout_seconds, patience_seconds)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def submit(
        self,
        operation: str,
        image: Picture,
        mask: Picture | None = None,
        params: Mapping[str, object] | None = None,
        *,
        source_mask: Picture | None = None,
        idempotency_key: str | None = None,
    ) -> ClientJob:
        """Submit a picture.

        Args:
            operation: `inpaint` or `outpaint`.
            image: the picture.
            mask: the part to repaint, for `inpaint`; absent if `params` has it in another form.
            params: the other fields; None counts as absent, lists and objects are sent as JSON.
            source_mask: the part that `patch` may copy from.
            idempotency_key: identifies this submission, so that a restarted program may repeat it;
            generated when absent.
        """
        form = build_form(image, mask, source_mask, params)
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        answer = self._transport.send("POST", f"/{operation}", headers=headers, **form)
        return ClientJob.model_validate(answer.json())

    def plan(
        self,
        operation: str,
        image: Picture,
        mask: Picture | None = None,
        params: Mapping[str, object] | None = None,
        *,
        source_mask: Picture | None = None,
    ) -> ClientPlan:
        """Return the plan of a request without submitting it; arguments as in `submit`."""
        form = build_form(image, mask, source_mask, params)
        query = {"dry_run": "true"}
        answer = self._transport.send("POST", f"/{operation}", params=query, **form)
        return ClientPlan.model_validate(answer.json())

    def get_job(self, job_id: str) -> ClientJob:
        """Return the present state of a job."""
        return ClientJob.model_validate(self._transport.send("GET", f"/jobs/{job_id}").json())

    def list_jobs(self, **filters: str | list[str]) -> Iterator[ClientJob]:
        """Yield the caller's jobs, newest first, page by page; without their outputs.

        Args:
            filters: parameters of `GET /jobs`: `status="running"`, `status=["queued", "running"]`,
            `tag="shop"`, `limit="100"` jobs a page.
        """
        query = dict(filters)
        while True:
            page = self._transport.send("GET", "/jobs", params=query).json()
            yield from (ClientJob.model_validate(job) for job in page["jobs"])
            following = page["links"]["next"]
            if following is None:
                return
            # The host in the URL may be the service's public one.
            query["cursor"] = httpx2.URL(following).params["cursor"]

    def wait(
        self,
        job_id: str,
        on_change: OnChange | None = None,
        timeout_seconds: float = 3600.0,
    ) -> ClientJob:
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
        give_up_at = time.monotonic() + timeout_seconds
        return Waiting(self._transport, job_id, on_change, give_up_at).run()

    def get_result(self, job_id: str, index: int = 0) -> bytes:
        """Return the bytes of a result."""
        return self._transport.send("GET", f"/jobs/{job_id}/results/{index}").content

    def save(self, job: ClientJob, path: Path, index: int = 0) -> None:
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
        data = self.get_result(job.id, index)
        wanted = {output.index: output.sha256 for output in job.outputs}.get(index)
        if hashlib.sha256(data).hexdigest() != wanted:
            raise ResultDamaged(
                f"{job.id}: result {index} does not match its SHA-256; fetch it again"
            )
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def cancel(self, job_id: str) -> ClientJob:
        """Cancel a job; return its present state, which is `running` until a worker has stopped."""
        answer = self._transport.send("POST", f"/jobs/{job_id}/cancel")
        return ClientJob.model_validate(answer.json())

    def delete(self, job_id: str) -> None:
        """Delete a job with its pictures; does nothing if it is deleted already."""
        try:
            self._transport.send("DELETE", f"/jobs/{job_id}")
        except PaintjobApiError as error:
            # A retry whose first response was lost gets this too.
            if error.code != "job_expired":
                raise

    def get_models(self) -> list[dict[str, Any]]:
        """Return the models of the service, as it describes them."""
        return list(self._transport.send("GET", "/models").json()["models"])
