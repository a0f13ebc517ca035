"""The child process that paints.

It keeps the engines warm from job to job; it knows blobs, and no Redis.
It exits when the pipe closes: a long call into C must not keep its memory after the parent is gone.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.connection import Connection

import structlog

from service.contract.catalogue import Catalogue, read_catalogue
from service.contract.errors import ModelUnavailable, PaintjobError
from service.contract.jobs import (
    JobFailure,
    JobWarning,
    MaskAsked,
    MaskEffective,
    Output,
    Recipe,
    Timings,
)
from service.contract.names import claim_prefix
from service.store.blobs import BlobStore
from service.telemetry import exports, traces
from service.telemetry.families import HORSE, families_of
from service.telemetry.metrics import Held, Sample
from worker.config import WorkerSettings, load_function
from worker.engines.diffusion.faults import DeviceLost
from worker.engines.lookup import EngineRegistry
from worker.finishing import Finisher
from worker.imaging.threads import bound_opencv
from worker.messages import (
    Abort,
    BadSettings,
    CallMessage,
    Discard,
    Done,
    Failed,
    Idle,
    MaskReady,
    OfCall,
    Paint,
    Painted,
    Ready,
    Started,
    Step,
    ToHorse,
    ToParent,
)
from worker.operations.marking import Marking
from worker.operations.paint import paint
from worker.operations.safety import load_safety_check
from worker.patience import PatientBlobs
from worker.previewing import PreviewWriter
from worker.reporting import Aborted

MIN_STEP_GAP_SECONDS = 0.2
"""Progress is reported at most five times a second; more would be written and never read."""

STAGE_SHARES = {
    "load": (0.0, 0.05),
    "decode": (0.05, 0.1),
    "find": (0.05, 0.4),
    "paint": (0.1, 0.9),
    "encode": (0.9, 1.0),
}
"""The assumed share of the whole job of each stage, from and to."""

DEVICE_LOST_STATUS = 3
"""Exit status of a horse whose accelerator cannot be used any more."""

Sender = Callable[[ToParent], None]
PreviewTaker = Callable[[str, str, bytes], None]
"""Takes job id, token and JPEG of a preview."""

log = structlog.get_logger()


def run_horse(connection: Connection, settings: WorkerSettings) -> None:
    """Run until the pipe closes."""
    bound_opencv()
    try:
        catalogue = read_catalogue(settings)
        marking = Marking.from_settings(settings, catalogue)
        blobs = PatientBlobs.open(settings.resolved_blob_url())
        horse = Horse(connection, blobs, settings, marking)
        engines = build_engines(settings, catalogue)
    except (ValueError, OSError) as error:
        connection.send(BadSettings(str(error)))
        return
    try:
        horse.run(engines)
    except ModelUnavailable as error:
        connection.send(BadSettings(error.detail))
    except DeviceLost:
        log.exception("device_lost")
        # At once: an orderly exit would wait for a device that does not answer.
        os._exit(DEVICE_LOST_STATUS)


def build_engines(settings: WorkerSettings, catalogue: Catalogue) -> EngineRegistry:
    """Call the engine factory that the settings name as `module:function`.

    Raises:
        SettingsError: there is no such function.
    """
    build = load_function("ENGINES", settings.engines)
    registry: EngineRegistry = build(settings, catalogue)
    return registry


class Horse:
    """Takes messages from the pipe and paints.

    Args:
        connection: the child's end of the pipe.
        blobs: the store of inputs and outputs.
        settings: the worker's.
        marking: marks results.
    """

    def __init__(
        self, connection: Connection, blobs: BlobStore, settings: WorkerSettings, marking: Marking
    ) -> None:
        self._connection = connection
        self._blobs = blobs
        self._settings = settings
        # Before the horse is ready: a check that cannot be loaded must stop it.
        self._safety = load_safety_check(settings)
        self._marking = marking
        self._inbox: queue.SimpleQueue[Paint | Discard] = queue.SimpleQueue()
        self._aborted: set[Abort] = set()
        # A check of the operator's may not be called by two threads.
        self._finisher = Finisher(threaded=self._safety is None)
        self._sending = threading.Lock()
        # Not the patient store: a preview may be lost.
        plain = BlobStore.open(settings.resolved_blob_url())
        self._previews = PreviewWriter(plain, self._send)
        self._held = Held()
        if settings.metrics_port is not None:
            self._held.hold(families_of(HORSE))

    def run(self, engines: EngineRegistry) -> None:
        """Warm the engines, report that, then paint job after job; never returns."""
        threading.Thread(target=self._read, name="pipe", daemon=True).start()
        self._previews.start()
        started = time.monotonic()
        engines.warm()
        self._send(
            Ready(
                methods=tuple(engines.methods()),
                models=tuple(engines.loaded_models()),
                load_seconds=time.monotonic() - started,
            )
        )
        while True:
            message = self._inbox.get()
            if isinstance(message, Discard):
                # Behind what may still be written for that claim.
                self._finisher.put(partial(self._discard, message))
            else:
                self._paint(message, engines)

    def _read(self) -> None:
        """Sort incoming messages; an abort must be seen while the main thread paints."""
        while True:
            try:
                message: ToHorse = self._connection.recv()
            except (EOFError, OSError):
                exports.stop()
                os._exit(0)
            if isinstance(message, Abort):
                self._aborted.add(message)
            else:
                self._inbox.put(message)

    def _paint(self, message: Paint, engines: EngineRegistry) -> None:
        token = message.jobs[0].token
        reporter = PipeReporter(self._send, token, self._aborted, engines, self._previews.put)
        self._previews.begin((job.job_id, token) for job in message.jobs)
        structlog.contextvars.bind_contextvars(
            job_ids=[job.job_id for job in message.jobs],
            request_ids=[job.spec.request_id for job in message.jobs],
        )
        try:
            with span_of_call([job.trace for job in message.jobs]):
                paint(
                    message.jobs,
                    self._blobs,
                    engines,
                    reporter,
                    max_image_pixels=self._settings.max_image_pixels,
                    safety=self._safety,
                    embed_recipe=self._settings.embed_recipe,
                    marking=self._marking,
                    finish=self._finisher.put,
                )
        except Aborted:
            log.info("call_aborted")
        finally:
            self._previews.end()
            structlog.contextvars.clear_contextvars()
        if self._finisher.threaded:
            reporter.painted()
        self._finisher.put(partial(self._end, reporter, token))

    def _end(self, reporter: PipeReporter, token: str) -> None:
        for abort in list(self._aborted):
            if abort.token == token:
                self._aborted.discard(abort)
        reporter.idle(self._held.drain())

    def _discard(self, message: Discard) -> None:
        try:
            self._blobs.delete_prefix(claim_prefix(message.job_id, message.token))
        except PaintjobError:
            # They are wiped with the job too.
            log.warning("discard_failed", job_id=message.job_id)

    def _send(self, message: ToParent) -> None:
        # Previews are reported on a thread of their own.
        with self._sending:
            self._connection.send(message)


def span_of_call(traced: Sequence[str]) -> AbstractContextManager[object]:
    """Return the span of a call: a child of its job, with links to all where there are several.

    Args:
        traced: contexts of the jobs' spans; empty ones of jobs that are not traced.
    """
    contexts = [each for each in traced if each]
    if not contexts:
        return nullcontext()
    parent = next((each for each in contexts if traces.is_sampled(each)), contexts[0])
    links = contexts if len(contexts) > 1 else ()
    return traces.span(
        "call", parent=parent, links=links, attributes={"paintjob.call_size": len(traced)}
    )


class PipeReporter:
    """A `Reporter` of one call that writes to the pipe.

    Args:
        send: writes a message.
        token: of the claim that the call works for.
        aborted: aborted claims; another thread adds to it.
        engines: list the models that are loaded.
        take_preview: has a preview written.
    """

    def __init__(
        self,
        send: Sender,
        token: str,
        aborted: set[Abort],
        engines: EngineRegistry,
        take_preview: PreviewTaker,
    ) -> None:
        self._send_to_parent = send
        self._token = token
        self._aborted = aborted
        self._engines = engines
        self._take_preview = take_preview
        self._held: tuple[CallMessage, ...] = ()
        self._holding = threading.Lock()
        self._last_step = time.monotonic()
        self._fraction = 0.0
        self._steps = 0

    def is_aborted(self, job_id: str) -> bool:
        """See `Reporter`."""
        return Abort(job_id, self._token) in self._aborted

    def started(self, job_ids: list[str]) -> None:
        """See `Reporter`."""
        self._send(Started(tuple(job_ids), tuple(self._engines.loaded_models())))

    def mask_ready(
        self, job_id: str, mask: MaskEffective, path: str, asked: MaskAsked | None = None
    ) -> None:
        """See `Reporter`."""
        # The painting begins at once, or a load that is reported: both are written together.
        with self._holding:
            self._held += (MaskReady(job_id, mask, path, asked),)

    def step(self, job_ids: list[str], stage: str, step: int, steps: int) -> None:
        """See `Reporter`."""
        if job_ids and all(self.is_aborted(job_id) for job_id in job_ids):
            raise Aborted
        if stage == "paint":
            self._steps = steps
        now = time.monotonic()
        # A load comes first, alone, and may take minutes; a search begins with a load.
        is_begun = stage == "load" or (stage == "find" and step == 0)
        if not is_begun and now - self._last_step < MIN_STEP_GAP_SECONDS:
            return
        self._last_step = now
        low, high = STAGE_SHARES[stage]
        self._fraction = max(self._fraction, low + (high - low) * step / max(steps, 1))
        self._send(Step(tuple(job_ids), stage, step, steps, round(self._fraction, 4)))

    def preview(self, job_id: str, jpeg: bytes) -> None:
        """See `Reporter`."""
        self._take_preview(job_id, self._token, jpeg)

    def done(
        self,
        job_id: str,
        outputs: list[Output],
        recipe: Recipe,
        timings: Timings,
        warnings: list[JobWarning],
    ) -> None:
        """See `Reporter`."""
        self._send(Done(job_id, tuple(outputs), recipe, timings, tuple(warnings), self._steps))

    def failed(self, job_id: str, failure: JobFailure) -> None:
        """See `Reporter`."""
        self._send(Failed(job_id, failure))

    def painted(self) -> None:
        """Report that another call may begin, while this one's outputs are made."""
        self._send(Painted())

    def idle(self, samples: tuple[Sample, ...]) -> None:
        """Report that all jobs of the call are over, and what was counted since the last time."""
        self._send(Idle(tuple(self._engines.loaded_models()), samples))

    def _send(self, message: CallMessage) -> None:
        with self._holding:
            held, self._held = self._held, ()
        self._send_to_parent(OfCall(self._token, (*held, message)))
