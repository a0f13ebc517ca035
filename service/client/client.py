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
    """Calls one service. Not to be shared by threads that may close it.

    Every method raises `PaintjobApiError` when the service refuses, and `ServiceUnreachable` when
    it does not answer. Before that a request is sent again, for `patience_seconds`, when nobody
    answered it or the service said to come back (429, 502, 503, 504; `Retry-After` is kept).

    Args:
        url: where the service is, such as `http://127.0.0.1:8080`.
        timeout_seconds: bound of a single request.
        api_key: the key, `pj_…`, if the service asks for one.
        patience_seconds: for how long a request is sent again; a `Retry-After` that lies past this
            is told at once.
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
        """Give itself."""
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
            mask: what to repaint, for `inpaint`; absent where `params` says it otherwise.
            params: the other fields; None counts as absent, lists and objects go as JSON.
            source_mask: where `patch` may copy from.
            idempotency_key: names this submission, so that a program that is started again may
                repeat it; drawn when absent.
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
        """Ask what a picture would come to, without submitting it; arguments as in `submit`."""
        form = build_form(image, mask, source_mask, params)
        query = {"dry_run": "true"}
        answer = self._transport.send("POST", f"/{operation}", params=query, **form)
        return ClientPlan.model_validate(answer.json())

    def get_job(self, job_id: str) -> ClientJob:
        """Give a job as it is now."""
        return ClientJob.model_validate(self._transport.send("GET", f"/jobs/{job_id}").json())

    def list_jobs(self, **filters: str | list[str]) -> Iterator[ClientJob]:
        """Give the caller's jobs, newest first, page by page; without their outputs.

        Args:
            filters: as `GET /jobs` takes them: `status="running"`, `status=["queued", "running"]`,
                `tag="shop"`, `limit="100"` jobs a page.
        """
        query = dict(filters)
        while True:
            page = self._transport.send("GET", "/jobs", params=query).json()
            yield from (ClientJob.model_validate(job) for job in page["jobs"])
            following = page["links"]["next"]
            if following is None:
                return
            # The rest of the URL may name the service as others see it.
            query["cursor"] = httpx2.URL(following).params["cursor"]

    def wait(
        self,
        job_id: str,
        on_change: OnChange | None = None,
        timeout_seconds: float = 3600.0,
    ) -> ClientJob:
        """Wait until a job has ended, however it ended.

        The service is asked to hold the question open until there is something to tell. One that
        does not is asked again: soon at first, for many jobs are short, then as its `Retry-After`
        says.

        Args:
            job_id: the job.
            on_change: called with the job whenever it changed, the end included.
            timeout_seconds: how long to wait at most.

        Raises:
            TimeoutError: it has not ended by then; the job goes on.
            PaintjobApiError: the service refused.
            ServiceUnreachable: it did not answer.
        """
        give_up_at = time.monotonic() + timeout_seconds
        return Waiting(self._transport, job_id, on_change, give_up_at).run()

    def get_result(self, job_id: str, index: int = 0) -> bytes:
        """Give the bytes of a result."""
        return self._transport.send("GET", f"/jobs/{job_id}/results/{index}").content

    def save(self, job: ClientJob, path: Path, index: int = 0) -> None:
        """Fetch a result, check it against the job's document, and write it to a file.

        The file is there whole or not at all.

        Args:
            job: as it ended.
            path: where to; a file that is there is replaced.
            index: which of the job's pictures.

        Raises:
            ResultDamaged: other bytes arrived than the document's SHA-256 names.
            PaintjobApiError: the service refused, for instance because the job has failed.
            ServiceUnreachable: it did not answer.
        """
        data = self.get_result(job.id, index)
        wanted = {output.index: output.sha256 for output in job.outputs}.get(index)
        if hashlib.sha256(data).hexdigest() != wanted:
            raise ResultDamaged(f"{job.id}: the bytes of picture {index} are not those of its job")
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def cancel(self, job_id: str) -> ClientJob:
        """Cancel a job; gives it as it is now: still `running` while it stops."""
        answer = self._transport.send("POST", f"/jobs/{job_id}/cancel")
        return ClientJob.model_validate(answer.json())

    def delete(self, job_id: str) -> None:
        """Delete a job with its pictures; one that is wiped already is left so."""
        try:
            self._transport.send("DELETE", f"/jobs/{job_id}")
        except PaintjobApiError as error:
            # Also how a repeat ends whose first answer was lost.
            if error.code != "job_expired":
                raise

    def get_models(self) -> list[dict[str, Any]]:
        """Give the models that the service offers, as it tells them."""
        return list(self._transport.send("GET", "/models").json()["models"])
