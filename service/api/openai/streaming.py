"""`POST /v1/images/edits` with `stream`: previews as they come, and the pictures at the end.

Source: OpenAI's API reference, Image Streaming.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from service.api.openai.answers import (
    CompletedImage,
    FacadeProblem,
    PartialImage,
    stream_completed,
    write_event,
)
from service.api.openai.form import EditsForm
from service.contract.errors import JobExpired, PaintjobError
from service.contract.jobs import JobRecord, Progress
from service.pictures.headers import read_header
from service.store import JobView, StoredEvent
from service.store.blobs import BlobStore
from service.waiting.streams import Waiter
from service.waiting.waiting import TICK_SECONDS, Watched, is_ended

HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Ending:
    """Functions that end a stream of events.

    Attributes:
        check: raises the error of a job that has no pictures.
        describe: returns an error in OpenAI's format.
        wipe: called once all was sent.
    """

    check: Callable[[JobRecord], None]
    describe: Callable[[PaintjobError], FacadeProblem]
    wipe: Callable[[JobRecord], None]


class EditsStream:
    """The events of one job, for one client.

    Args:
        waiter: the client's slot; closed by the caller.
        job: the job.
        form: the request.
        blobs: the pictures.
        ending: what to do at the end.
        seconds: how long to wait for that.
    """

    def __init__(
        self,
        waiter: Waiter,
        job: Watched,
        form: EditsForm,
        blobs: BlobStore,
        ending: Ending,
        seconds: float,
    ) -> None:
        self._waiter, self._job, self._form, self._blobs = waiter, job, form, blobs
        self._ending = ending
        self._until = time.monotonic() + seconds
        self._sent = 0
        self._preview: str | None = None

    def stream(self) -> Iterator[bytes]:
        """Yield the events; the last one has the last picture, or the error instead of it."""
        try:
            yield from self._follow()
            view = self._job.load()
            if not is_ended(view) and self._job.is_gone():
                self._job.cancel_if_asked(view)
                return
            self._ending.check(view.record)
            yield from self._complete(view.record)
        except GeneratorExit:
            # Closed from outside: writing to the client failed.
            self._leave()
            raise
        except FileNotFoundError:
            yield self._write_error(JobExpired("the job is being deleted"))
            return
        except PaintjobError as error:
            yield self._write_error(error)
            return
        self._ending.wipe(view.record)

    def open(self) -> JobView:
        """Subscribe to the job's events, and return the job.

        Raises:
            NotFound, JobExpired, BrokerUnavailable: as the store's `load`.
        """
        self._waiter.join(self._job.job_id)
        view = self._job.load()
        if is_ended(view):
            self._until = 0.0
        return view

    def _follow(self) -> Iterator[bytes]:
        """Yield previews until the job ends, the client leaves or the time is over."""
        beat_at = time.monotonic() + HEARTBEAT_SECONDS
        while (left := self._until - time.monotonic()) > 0 and self._may_go_on():
            event = self._waiter.take(min(left, TICK_SECONDS))
            if event is not None and event.is_end:
                return
            partial = self._find_partial(event)
            if partial is not None:
                yield write_event(partial.type, partial)
            elif event is None and self._waiter.is_cut:
                return
            elif time.monotonic() >= beat_at:
                yield b": still there\n\n"
                beat_at = time.monotonic() + HEARTBEAT_SECONDS

    def _may_go_on(self) -> bool:
        return self._job.is_allowed() and not self._job.is_gone()

    def _find_partial(self, event: StoredEvent | None) -> PartialImage | None:
        """Return the preview of an event, if it is new and one is due.

        The previews that were asked for are spread over the painting.
        """
        if event is None or event.kind != "progress" or self._sent >= self._form.partial_images:
            return None
        progress = Progress.model_validate_json(event.data)
        is_due = progress.fraction >= self._sent / self._form.partial_images
        if progress.preview_path in (None, self._preview) or not is_due:
            return None
        self._preview = progress.preview_path
        return self._read_partial(progress.preview_path or "")

    def _read_partial(self, path: str) -> PartialImage | None:
        try:
            data = self._blobs.get(path)
            header = read_header(io.BytesIO(data))
        except (FileNotFoundError, PaintjobError):
            # The next one, or the picture itself, follows.
            return None
        self._sent += 1
        return PartialImage(
            partial_image_index=self._sent - 1,
            created_at=int(time.time()),
            background=self._form.background,
            quality=self._form.quality,
            size=f"{header.width}x{header.height}",
            b64_json=base64.b64encode(data).decode(),
        )

    def _complete(self, record: JobRecord) -> Iterator[bytes]:
        ended = record.finished_at
        for output in record.outputs:
            file = output.answer
            event = CompletedImage(
                created_at=0 if ended is None else int(ended.timestamp()),
                background=self._form.background,
                output_format=file.format,
                quality=self._form.quality,
                size=f"{file.width}x{file.height}",
                b64_json="",
            )
            yield from stream_completed(event, self._blobs.stream(file.path, 0, None))

    def _write_error(self, error: PaintjobError) -> bytes:
        return write_event("error", self._ending.describe(error))

    def _leave(self) -> None:
        try:
            view = self._job.load()
        except PaintjobError:
            return
        if not is_ended(view):
            self._job.cancel_if_asked(view)
