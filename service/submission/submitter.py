"""The use case behind `POST /inpaint` and `POST /outpaint`: check, store, submit, notify workers.

All faults of a request are returned at once. Nothing is kept of a refused request, nor of a dry
run.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from service.config import ServiceSettings
from service.contract.catalogue import Catalogue
from service.contract.errors import BrokerUnavailable, Fault, WebhookKeyRequired
from service.contract.jobs import BlobRef, FinderChoice, JobSpec, StoredFile
from service.contract.names import new_job_id
from service.contract.params import MaskParams, OutpaintParams
from service.contract.resizing import find_resized
from service.pictures.checks import PictureInfo
from service.store import (
    Idempotency,
    JobStore,
    JobView,
    SubmitLimits,
    Submitted,
    Usage,
    try_twice,
)
from service.store.blobs import BlobStore
from service.store.job_records import UPLOAD_SECONDS
from service.store.runner import PackedCommands
from service.store.wakeups import Wakeups
from service.submission.admission import Admission
from service.submission.choice import find_origins
from service.submission.finding import write_regions
from service.submission.inspection import REFERENCE, Inspected, Inspector, Memo
from service.submission.intake import Intake, PictureUpload
from service.submission.planning import (
    call_key,
    cost,
    count_finders,
    count_images,
    fill_defaults,
)
from service.submission.request import JobRequest
from service.submission.work import estimate_work
from service.telemetry import traces

MOST_BEGUN = 64
BEGUN_SECONDS = 2.0

USUAL_COVERAGE = 0.2
"""Share of the picture that a mask is taken for while nothing is found yet."""

RECENT_SECONDS = UPLOAD_SECONDS / 2
"""An upload that began so lately is not wiped yet, whatever the broker remembers of it."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Accepted:
    """The job of a request, whether its key had led to it before, and the usage of limits."""

    view: JobView
    replayed: bool
    usage: Usage


@dataclass(frozen=True)
class Planned:
    """The job that a request would become, without a seed, and width and height of its results."""

    spec: JobSpec
    canvas: tuple[int, int]


class BegunIds:
    """Ids of jobs to come, whose uploads were begun along with the submission before.

    A busy process saves a call of the broker for each request in that way.

    Args:
        fresh_seconds: an older id is not used, because ids sort by time.
    """

    def __init__(self, fresh_seconds: float = BEGUN_SECONDS) -> None:
        self._fresh_seconds = fresh_seconds
        self._ids: deque[tuple[float, str]] = deque(maxlen=MOST_BEGUN)

    def add(self, job_id: str) -> None:
        """Keep an id for a request that comes soon."""
        self._ids.append((time.monotonic(), job_id))

    def take(self) -> str | None:
        """Return an id and forget it; None if there is no fresh one."""
        try:
            at, job_id = self._ids.pop()
        except IndexError:
            return None
        return job_id if time.monotonic() - at < self._fresh_seconds else None


def _begin_nothing(owner_id: str) -> None:
    """Begin no upload: it was begun with the submission before."""


class Submitter:
    """Accepts requests."""

    def __init__(
        self,
        settings: ServiceSettings,
        catalogue: Catalogue,
        store: JobStore,
        blobs: BlobStore,
        wakeups: Wakeups,
        admission: Admission,
    ) -> None:
        self._settings = settings
        self._inspector = Inspector(settings, catalogue, admission.is_served)
        self._store = store
        self._blobs = blobs
        self._wakeups = wakeups
        self._begun = BegunIds()
        self._admission = admission

    @contextmanager
    def open_intake(self, *, keeps: bool = True) -> Iterator[Intake]:
        """Open an intake for the pictures of one request; if the block raises, they are wiped.

        Args:
            keeps: whether the request will be submitted; a dry run leaves nothing.

        Raises:
            BrokerFull, StoreUnavailable: there is no space for another job.
            BrokerUnavailable: Redis does not answer.
        """
        if keeps:
            self._admission.check()
        limit = self._settings.max_part_bytes
        begun_id = self._begun.take() if keeps else None
        # Not connected before it is needed: a dry run needs neither broker nor store.
        begin = self._store.jobs.begin_upload if begun_id is None else _begin_nothing
        intake = Intake(begun_id or new_job_id(), self._blobs, begin, limit, keeps=keeps)
        try:
            yield intake
        except BaseException:
            self._abandon(intake)
            raise
        finally:
            intake.close()

    def redraw_mask(self, intake: Intake) -> None:
        """Convert an alpha mask to a luminance mask; transparent pixels become white.

        Raises:
            PaintjobError: the mask is broken, or has no transparency; it is then dropped.
        """
        self._inspector.redraw_mask(intake)

    def plan(self, request: JobRequest, memo: Memo | None = None) -> Planned:
        """Return the job that a request would become; nothing is kept, and no seed is drawn.

        Args:
            request: as parsed.
            memo: what was found in the files of a batch's items before.

        Raises:
            PaintjobError: the request is refused; `faults` lists all that is wrong with it.
        """
        inspected = self._inspector.inspect(self._check_signing(request), memo)
        spec, asked = _build_spec(request, inspected), inspected.params
        if isinstance(asked, MaskParams):
            return Planned(spec, inspected.canvas)
        params = spec.params.model_copy(update={"seed": asked.seed})
        return Planned(spec.model_copy(update={"params": params}), inspected.canvas)

    def submit(self, request: JobRequest, memo: Memo | None = None) -> Accepted:
        """Accept a request, or return the job that its idempotency key belongs to.

        Args:
            request: as parsed.
            memo: what was found in the files of a batch's items before.

        Raises:
            PaintjobError: the request is refused; `faults` lists all that is wrong with it.
        """
        inspected = self._inspector.inspect(self._check_signing(request), memo)
        _add_drawn(request, inspected)
        spec = _build_spec(request, inspected)
        if request.idempotency_key is None:
            # A known key leads to its job however full the queue is; only the script knows keys.
            self._admission.check_queue(spec.queue)
        request.intake.save()
        idempotency = self._idempotency(request)
        next_id, wakeup = new_job_id(), self._wakeups.prepare(spec.queue)
        submitted = try_twice(lambda: self._submit(spec, request, idempotency, wakeup, next_id))
        self._begun.add(next_id)
        if submitted.replayed:
            self._abandon(request.intake)
        log.info("job_accepted", job_id=submitted.job_id, replayed=submitted.replayed)
        return Accepted(submitted.view, submitted.replayed, submitted.usage)

    def _check_signing(self, request: JobRequest) -> JobRequest:
        """Add a fault if the webhook could not be signed."""
        if request.params is None or request.params.webhook_url is None:
            return request
        if try_twice(lambda: self._store.signing_keys.has_any(request.sender.tenant)):
            return request
        return replace(request, faults=(*request.faults, unsigned_fault()))

    def _submit(
        self,
        spec: JobSpec,
        request: JobRequest,
        idempotency: Idempotency | None,
        wakeup: PackedCommands,
        next_id: str,
    ) -> Submitted:
        params, settings = spec.params, self._settings
        attributes = {"paintjob.job_id": spec.job_id, "messaging.destination.name": spec.queue}
        with traces.part("submit", "producer", attributes):
            return self._store.jobs.submit(
                spec,
                start_within_seconds=params.start_within_seconds,
                finish_within_seconds=params.finish_within_seconds or 0,
                finish_from_claim=not _has_deadline(request),
                ttl_seconds=params.ttl_seconds or 0,
                limits=SubmitLimits(
                    settings.queue_limit,
                    settings.tenant_job_limit,
                    settings.worker_absence_seconds,
                    request.sender.key_limits,
                    settings.stored_limits,
                ),
                idempotency=idempotency,
                key_id=request.sender.key_id,
                inputs=request.intake.count_bytes(),
                wakeup=wakeup,
                next_id=next_id,
                is_recent=request.intake.age_seconds < RECENT_SECONDS,
                trace=traces.get_context(),
            )

    def _idempotency(self, request: JobRequest) -> Idempotency | None:
        if request.idempotency_key is None:
            return None
        return Idempotency(request.idempotency_key, fingerprint(request))

    def _abandon(self, intake: Intake) -> None:
        if not intake.has_written:
            return
        try:
            self._store.jobs.abandon_upload(intake.owner_id)
        except BrokerUnavailable:
            # The entry that was written before the first byte has them wiped within the hour.
            log.warning("pictures_not_abandoned", job_id=intake.owner_id)


def _add_drawn(request: JobRequest, found: Inspected) -> None:
    """Add to a request what is made here of its regions: their mask, or they for the finders."""
    if found.mask is not None and found.mask.drawn is not None:
        request.intake.add_drawn("mask", found.mask.drawn)
    if found.choice.finders and not isinstance(found.params, OutpaintParams):
        request.intake.add_drawn("regions", write_regions(found.params.regions or []))


def _has_deadline(request: JobRequest) -> bool:
    """Return whether the caller asked for a deadline: the default one counts from the claim."""
    return request.params is not None and request.params.finish_within_seconds is not None


def unsigned_fault() -> Fault:
    """Return the fault of a webhook that could not be signed."""
    message = "cannot be signed: ask the operator to make a webhook key for your tenant"
    return Fault("/webhook_url", WebhookKeyRequired.code, message)


def fingerprint(request: JobRequest) -> str:
    """Return a digest of tenant, parameters before defaults, and digests of the files.

    Not of the body's bytes: a client draws another multipart boundary on every try.
    """
    params = request.params.model_dump(exclude_none=True) if request.params else {}
    files = {name: picture.sha256 for name, picture in request.intake.pictures.items()}
    document = json.dumps(
        [f"/{request.operation}", request.sender.tenant, params, files], sort_keys=True
    )
    return hashlib.sha256(document.encode()).hexdigest()


def _build_spec(request: JobRequest, found: Inspected) -> JobSpec:
    """Build the specification of a job."""
    params, mask = fill_defaults(found.params, found.choice), found.mask
    set_by = find_origins(found.params, found.choice)
    pictures = request.intake.everything()
    if REFERENCE in pictures:
        params = params.model_copy(update={"reference": None})
        set_by.pop("reference", None)
    resized = None if isinstance(params, MaskParams) else find_resized(params, found.canvas)
    finders = count_finders(found.params)
    return JobSpec(
        job_id=request.intake.owner_id,
        tenant=request.sender.tenant,
        operation=request.operation,
        method=found.choice.method.name,
        model=found.choice.model.name if found.choice.model else None,
        queue=found.choice.queue,
        priority=params.priority or "normal",
        call_key=call_key(request.operation, params, found.choice, found.canvas),
        cost=cost(found.canvas, count_images(params), resized, finders),
        work=estimate_work(
            found.choice.method.name,
            params,
            _area(found.canvas) + _area(resized or (0, 0)),
            _painted_pixels(found),
            finders,
        ),
        params=params,
        set_by=set_by,
        image=_describe_blob(pictures["image"], found.picture),
        mask=_find_blob(pictures, "mask", mask.info if mask else None),
        source_mask=_find_blob(pictures, "source_mask", found.source_mask),
        reference_image=_find_blob(pictures, REFERENCE, found.reference),
        regions=_describe_regions(pictures),
        finders=[
            FinderChoice(query=query, finder=entry.name)
            for query, entry in found.choice.finders.items()
        ],
        mask_asked=mask.asked if mask else None,
        geometry=found.geometry,
        warnings=[*found.warnings],
        request_id=request.sender.request_id,
        batch=request.batch,
    )


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _painted_pixels(found: Inspected) -> float:
    """Return the pixels to paint: of the mask as it was sent, or of the canvas past the picture."""
    if found.mask is not None:
        return found.mask.asked.coverage * _area(found.canvas)
    if found.choice.finders:
        return USUAL_COVERAGE * _area(found.canvas)
    return _area(found.canvas) - _area(found.picture.upright_size)


def _find_blob(
    pictures: Mapping[str, PictureUpload], name: str, info: PictureInfo | None
) -> BlobRef | None:
    """Describe a picture; `None` if the job has none, or a dry run did not draw it."""
    if info is None or name not in pictures:
        return None
    return _describe_blob(pictures[name], info)


def _describe_regions(pictures: Mapping[str, PictureUpload]) -> StoredFile | None:
    """Describe the regions that finders read; `None` if there are none, or in a dry run."""
    if (file := pictures.get("regions")) is None:
        return None
    return StoredFile(path=file.path, bytes=file.bytes, sha256=file.sha256)


def _describe_blob(picture: PictureUpload, info: PictureInfo) -> BlobRef:
    return BlobRef(
        path=picture.path,
        bytes=picture.bytes,
        sha256=picture.sha256,
        format=info.format,
        width=info.width,
        height=info.height,
        mode=info.mode,
    )
