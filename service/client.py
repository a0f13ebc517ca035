"""A small client of the service, used by `paintjob submit` and the demonstration.

It retries what is safe to retry and nothing else: a submission carries an idempotency key, so that
one whose answer got lost is not painted twice.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import BaseModel, ConfigDict

FIRST_WAIT_SECONDS = 0.1
MAX_TRIES = 6
MAX_DELAY_SECONDS = 30.0
RETRIED_STATUSES = frozenset({429, 502, 503, 504})

Picture = tuple[str, bytes]
"""File name and content."""


class _Answer(BaseModel):
    """Part of an answer; fields may be added at any time, and a client ignores unknown ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ClientProof(_Answer):
    """What the service checked on an output; see `service.contract.jobs.Proof`."""

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int


class ClientOutput(_Answer):
    """One result."""

    index: int
    url: str
    format: str
    width: int
    height: int
    proof: ClientProof


class ClientProgress(_Answer):
    """How far a running job is; `fraction` lies in 0..1."""

    stage: str
    fraction: float


class ClientFailure(_Answer):
    """Why a job failed."""

    code: str
    title: str
    detail: str


class ClientWarning(_Answer):
    """Something to know that was no reason to refuse."""

    code: str
    detail: str


class ClientTimings(_Answer):
    """Seconds that each part took."""

    queued_seconds: float | None = None
    load_seconds: float | None = None
    paint_seconds: float | None = None
    encode_seconds: float | None = None


class ClientJob(_Answer):
    """A job as the service tells it."""

    id: str
    operation: str
    status: str
    method: str
    model: str | None = None
    progress: ClientProgress | None = None
    outputs: tuple[ClientOutput, ...] = ()
    warnings: tuple[ClientWarning, ...] = ()
    timings: ClientTimings | None = None
    error: ClientFailure | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing can change the job any more."""
        return self.status in ("succeeded", "failed", "canceled")


class ClientPlan(_Answer):
    """What a request would become, as the service tells it; nothing of it was kept."""

    operation: str
    method: str
    model: str | None = None
    params: dict[str, Any]
    mask: dict[str, Any] | None = None
    geometry: dict[str, Any] | None = None
    warnings: tuple[ClientWarning, ...] = ()
    width: int
    height: int
    megapixels: float
    cost: float


class PaintjobApiError(Exception):
    """The service refused, with the fields of its problem document.

    Attributes:
        status: HTTP status.
        code: the error's code, such as `mask_empty`; empty when the answer was no problem document.
        title: the kind of error, for people.
        detail: what happened and what to do.
        request_id: names the request in the service's log.
        faults: the single faults: `pointer`, `code`, `message`.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code") or "")
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or self.title)
        self.request_id = str(problem.get("request_id") or "")
        self.faults: list[dict[str, Any]] = list(problem.get("errors") or [])
        super().__init__(f"{self.title}: {self._tell_faults()}")

    def _tell_faults(self) -> str:
        """Tell the detail and all faults; of a single fault the detail is the message."""
        places = [
            ": ".join(str(part) for part in (fault.get("pointer"), fault.get("message")) if part)
            for fault in self.faults
        ]
        is_told = len(places) == 1 and self.faults[0].get("message") == self.detail
        return "; ".join(places if is_told else [self.detail, *places])


class PaintjobClient:
    """Calls one service.

    Args:
        url: where the service is, such as `http://127.0.0.1:8000`.
        timeout_seconds: bound of a single request.
    """

    def __init__(self, url: str, timeout_seconds: float = 60.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds)

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
        self._http.close()

    def submit(
        self,
        operation: str,
        image: Picture,
        mask: Picture | None = None,
        params: Mapping[str, object] | None = None,
        *,
        source_mask: Picture | None = None,
    ) -> ClientJob:
        """Submit a picture.

        Args:
            operation: `inpaint` or `outpaint`.
            image: the picture.
            mask: what to repaint, for `inpaint`; absent where `params` says it otherwise.
            params: the other fields; None counts as absent, lists and objects go as JSON.
            source_mask: where `patch` may copy from.

        Raises:
            PaintjobApiError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        request = _build_request(image, mask, source_mask, params)
        request["headers"] = {"Idempotency-Key": str(uuid.uuid4())}
        return ClientJob.model_validate(self._send("POST", f"/{operation}", **request).json())

    def plan(
        self,
        operation: str,
        image: Picture,
        mask: Picture | None = None,
        params: Mapping[str, object] | None = None,
        *,
        source_mask: Picture | None = None,
    ) -> ClientPlan:
        """Ask what a picture would come to, without submitting it; arguments as in `submit`.

        Raises:
            PaintjobApiError: the service refused, as it would refuse the job.
            httpx.TransportError: it could not be reached.
        """
        request = _build_request(image, mask, source_mask, params)
        answer = self._send("POST", f"/{operation}", params={"dry_run": "true"}, **request)
        return ClientPlan.model_validate(answer.json())

    def get_job(self, job_id: str) -> ClientJob:
        """Give a job as it is now.

        Raises:
            PaintjobApiError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        return ClientJob.model_validate(self._send("GET", f"/jobs/{job_id}").json())

    def wait(
        self,
        job_id: str,
        on_change: Callable[[ClientJob], None] | None = None,
        timeout_seconds: float = 3600.0,
    ) -> ClientJob:
        """Wait until a job has ended, however it ended.

        Asks soon at first, for many jobs are short, then as often as the service's `Retry-After`
        says; when nothing changed it answers 304.

        Args:
            job_id: the job.
            on_change: called with the job whenever it changed, the end included.
            timeout_seconds: how long to wait at most.

        Raises:
            TimeoutError: it has not ended by then; the job goes on.
            PaintjobApiError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        deadline = time.monotonic() + timeout_seconds
        headers: dict[str, str] = {}
        patience = FIRST_WAIT_SECONDS
        while True:
            answer = self._send("GET", f"/jobs/{job_id}", headers=headers)
            if answer.status_code == httpx.codes.OK:
                job = ClientJob.model_validate(answer.json())
                headers = {"If-None-Match": answer.headers.get("ETag", "")}
                if on_change is not None:
                    on_change(job)
                if job.is_finished:
                    return job
            delay = min(_retry_after(answer, 1.0), patience)
            patience *= 2
            if time.monotonic() + delay > deadline:
                raise TimeoutError(f"{job_id} has not ended after {timeout_seconds:g} seconds")
            time.sleep(delay)

    def get_result(self, job_id: str, index: int = 0) -> bytes:
        """Give the bytes of a result.

        Raises:
            PaintjobApiError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        return self._send("GET", f"/jobs/{job_id}/results/{index}").content

    def cancel(self, job_id: str) -> ClientJob:
        """Cancel a job; gives it as it is now: still `running` while it stops.

        Raises:
            PaintjobApiError: the service refused, for instance because the job has ended.
            httpx.TransportError: it could not be reached.
        """
        return ClientJob.model_validate(self._send("POST", f"/jobs/{job_id}/cancel").json())

    def delete(self, job_id: str) -> None:
        """Delete a job with its pictures.

        Raises:
            PaintjobApiError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        self._send("DELETE", f"/jobs/{job_id}")

    def get_models(self) -> list[dict[str, Any]]:
        """Give the models that the service offers, as it tells them.

        Raises:
            PaintjobApiError: the service refused.
            httpx.TransportError: it could not be reached.
        """
        return list(self._send("GET", "/models").json()["models"])

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request that may be sent again, until it is answered for good."""
        for attempt in range(1, MAX_TRIES + 1):
            delay = min(MAX_DELAY_SECONDS, 0.25 * 2**attempt)
            try:
                answer = self._http.request(method, path, **arguments)
            except httpx.TransportError:
                if attempt == MAX_TRIES:
                    raise
            else:
                if answer.status_code not in RETRIED_STATUSES or attempt == MAX_TRIES:
                    return _checked(answer)
                delay = _retry_after(answer, delay)
            time.sleep(delay)
        raise AssertionError("the last try returns or raises")


def _build_request(
    image: Picture,
    mask: Picture | None,
    source_mask: Picture | None,
    params: Mapping[str, object] | None,
) -> dict[str, Any]:
    """Build the form of a request, as httpx takes it."""
    pictures = {"image": image, "mask": mask, "source_mask": source_mask}
    files = {name: picture for name, picture in pictures.items() if picture is not None}
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return {"files": files, "data": {name: _write_field(value) for name, value in given.items()}}


def _write_field(value: object) -> str:
    """Write a form field: text and numbers as they are, all else as JSON."""
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if is_plain else json.dumps(value)


def _retry_after(answer: httpx.Response, default_seconds: float) -> float:
    """Read `Retry-After` in seconds; its date form counts as absent."""
    text = answer.headers.get("Retry-After", "")
    return min(MAX_DELAY_SECONDS, float(text)) if text.isdecimal() else default_seconds


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    raise PaintjobApiError(answer.status_code, problem if isinstance(problem, dict) else {})
