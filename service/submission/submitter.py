"""The use case behind `POST /inpaint` and `POST /outpaint`: check, store, write the record, ring.

Knows no Flask. Every fault of a request is told at once, and nothing is kept of a refused one, nor
of one that is only planned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from service.config import ServiceSettings
from service.contract.catalogue import Catalogue
from service.contract.errors import BrokerUnavailable, Fault, WebhookKeyRequired
from service.contract.jobs import BlobRef, JobSpec
from service.contract.names import new_job_id
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
from service.store.wakeups import Wakeups
from service.submission.admission import Gate
from service.submission.inspection import Inspected, Inspector
from service.submission.intake import Intake, PictureUpload
from service.submission.planning import call_key, cost, fill_defaults
from service.submission.request import JobRequest

log = structlog.get_logger()


@dataclass(frozen=True)
class Accepted:
    """The job that a request led to, whether it was there before, and what is used of limits."""

    view: JobView
    replayed: bool
    usage: Usage


@dataclass(frozen=True)
class Planned:
    """The job that a request would become, without a seed, and its results' width and height."""

    spec: JobSpec
    canvas: tuple[int, int]


class Submitter:
    """Accepts requests."""

    def __init__(
        self,
        settings: ServiceSettings,
        catalogue: Catalogue,
        store: JobStore,
        blobs: BlobStore,
        wakeups: Wakeups,
        gate: Gate,
    ) -> None:
        self._settings = settings
        self._inspector = Inspector(settings, catalogue)
        self._store = store
        self._blobs = blobs
        self._wakeups = wakeups
        self._gate = gate

    @contextmanager
    def open_intake(self, *, keeps: bool = True) -> Iterator[Intake]:
        """Open a place for the pictures of one request; if the block raises, they are wiped.

        Args:
            keeps: whether the request is to be submitted; one that is planned leaves nothing.

        Raises:
            BrokerFull, StoreUnavailable: there is no room for another job.
            BrokerUnavailable: Redis does not answer.
        """
        if keeps:
            self._gate.check()
        limit = self._settings.max_part_bytes
        # Not connected before it is needed: a plan needs neither broker nor store.
        begin = self._store.jobs.begin_upload
        intake = Intake(new_job_id(), self._blobs, begin, limit, keeps=keeps)
        try:
            yield intake
        except BaseException:
            self._abandon(intake)
            raise
        finally:
            intake.close()

    def redraw_mask(self, intake: Intake) -> None:
        """Put in place of a mask that speaks by its transparency one that speaks by luminance.

        Raises:
            PaintjobError: the mask is broken, or has no transparency; there is then none.
        """
        self._inspector.redraw_mask(intake)

    def plan(self, request: JobRequest) -> Planned:
        """Give what a request would become; nothing is kept, and no seed is drawn.

        Raises:
            PaintjobError: the request is refused; `faults` tells all that is wrong with it.
        """
        inspected = self._inspector.inspect(self._check_signing(request))
        spec = _build_spec(request, inspected)
        params = spec.params.model_copy(update={"seed": inspected.params.seed})
        return Planned(spec.model_copy(update={"params": params}), inspected.canvas)

    def submit(self, request: JobRequest) -> Accepted:
        """Accept a request, or give the job that its idempotency key belongs to.

        Raises:
            PaintjobError: the request is refused; `faults` tells all that is wrong with it.
        """
        inspected = self._inspector.inspect(self._check_signing(request))
        if inspected.mask is not None and inspected.mask.drawn is not None:
            request.intake.add_drawn("mask", inspected.mask.drawn)
        spec = _build_spec(request, inspected)
        if request.idempotency_key is None:
            # A known key leads to its job however full the queue is, which the script alone knows.
            self._gate.check_queue(spec.queue)
        request.intake.save()
        idempotency = self._idempotency(request)
        submitted = try_twice(lambda: self._submit(spec, request, idempotency))
        if submitted.replayed:
            self._abandon(request.intake)
        else:
            self._ring(spec.queue)
        log.info("job_accepted", job_id=submitted.job_id, replayed=submitted.replayed)
        return Accepted(submitted.view, submitted.replayed, submitted.usage)

    def _check_signing(self, request: JobRequest) -> JobRequest:
        """Note the fault of a webhook that nobody could sign."""
        if request.params is None or request.params.webhook_url is None:
            return request
        if try_twice(lambda: self._store.signing_keys.has_any(request.sender.tenant)):
            return request
        return replace(request, faults=(*request.faults, unsigned_fault()))

    def _submit(
        self, spec: JobSpec, request: JobRequest, idempotency: Idempotency | None
    ) -> Submitted:
        params, settings = spec.params, self._settings
        return self._store.jobs.submit(
            spec,
            start_within_seconds=params.start_within_seconds,
            finish_within_seconds=params.finish_within_seconds or 0,
            ttl_seconds=params.ttl_seconds or 0,
            limits=SubmitLimits(
                settings.queue_limit,
                settings.tenant_job_limit,
                settings.worker_absence_seconds,
                request.sender.key_limits,
            ),
            idempotency=idempotency,
            key_id=request.sender.key_id,
        )

    def _idempotency(self, request: JobRequest) -> Idempotency | None:
        if request.idempotency_key is None:
            return None
        return Idempotency(request.idempotency_key, fingerprint(request))

    def _ring(self, queue: str) -> None:
        try:
            self._wakeups.notify(queue)
        except BrokerUnavailable:
            # The job is accepted; the reaper finds within seconds that a delivery is missing.
            log.warning("ring_failed", queue=queue)

    def _abandon(self, intake: Intake) -> None:
        if not intake.has_written:
            return
        try:
            self._store.jobs.abandon_upload(intake.job_id)
        except BrokerUnavailable:
            # The entry that was written before the first byte has them wiped within the hour.
            log.warning("abandon_failed", job_id=intake.job_id)


def unsigned_fault() -> Fault:
    """Give the fault of a webhook that nobody could sign."""
    message = "nothing can be signed: the operator has made no webhook key for this tenant yet"
    return Fault("/webhook_url", WebhookKeyRequired.code, message)


def fingerprint(request: JobRequest) -> str:
    """Give a digest of what was asked: tenant, parameters before defaults, files' digests.

    The bytes of the body will not do: a client draws another multipart boundary on every try.
    """
    params = request.params.model_dump(exclude_none=True) if request.params else {}
    files = {name: picture.sha256 for name, picture in request.intake.pictures.items()}
    document = json.dumps(
        [f"/{request.operation}", request.sender.tenant, params, files], sort_keys=True
    )
    return hashlib.sha256(document.encode()).hexdigest()


def _build_spec(request: JobRequest, found: Inspected) -> JobSpec:
    """Put the job together."""
    params, mask = fill_defaults(found.params, found.choice), found.mask
    pictures = request.intake.everything()
    return JobSpec(
        job_id=request.intake.job_id,
        tenant=request.sender.tenant,
        operation=request.operation,
        method=found.choice.method.name,
        model=found.choice.model.name if found.choice.model else None,
        queue=found.choice.queue,
        priority=params.priority or "normal",
        call_key=call_key(request.operation, params, found.choice, found.canvas),
        cost=cost(found.canvas, params.num_images or 1),
        params=params,
        image=_describe_blob(pictures["image"], found.picture),
        mask=_find_blob(pictures, "mask", mask.info if mask else None),
        source_mask=_find_blob(pictures, "source_mask", found.source_mask),
        mask_asked=mask.asked if mask else None,
        geometry=found.geometry,
        warnings=[*found.warnings],
        request_id=request.sender.request_id,
        batch=request.batch,
    )


def _find_blob(
    pictures: Mapping[str, PictureUpload], name: str, info: PictureInfo | None
) -> BlobRef | None:
    """Describe a picture that the job may lack, as a plan lacks the mask that it would draw."""
    if info is None or name not in pictures:
        return None
    return _describe_blob(pictures[name], info)


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
