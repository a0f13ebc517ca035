"""The use case behind `POST /inpaint` and `POST /outpaint`: check, store, write the record, ring.

Knows no Flask. Every fault of a request is told at once, and nothing is kept of a refused one.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from service.config import ServiceSettings
from service.contract.blobs import BlobStore
from service.contract.catalogue import Catalogue
from service.contract.errors import (
    BrokerUnavailable,
    Fault,
    MaskEmpty,
    MaskFull,
    PaintjobError,
    ParameterNotSupported,
)
from service.contract.geometry import Geometry
from service.contract.images import PictureInfo, check_picture
from service.contract.jobs import BlobRef, JobSpec
from service.contract.masks import MaskFindings, inspect_mask, inspect_source_mask
from service.contract.names import new_job_id
from service.contract.params import InpaintParams, Operation, OutpaintParams
from service.contract.store import (
    Idempotency,
    JobStore,
    JobView,
    SubmitLimits,
    Submitted,
    try_twice,
)
from service.contract.wakeups import Wakeups
from service.planning import (
    Choice,
    batch_key,
    check_painted_pixels,
    choose,
    cost,
    fault_of,
    fill_defaults,
    find_unsupported,
    find_vocabulary_faults,
    plan_canvas,
    raise_faults,
)
from service.uploads import Intake, PictureUpload

log = structlog.get_logger()

PICTURE_SLOTS = 4
"""Pictures decoded at once: a 16-megapixel mask takes some 60 MB while it is measured."""

MAX_KEY_CHARACTERS = 255


@dataclass(frozen=True)
class Asked:
    """One request as it was read.

    Attributes:
        params: as asked; `None` if they break a rule, which `faults` then tells.
        intake: the pictures that came with it.
        faults: what is already known to be wrong.
    """

    operation: Operation
    params: InpaintParams | OutpaintParams | None
    intake: Intake
    tenant: str
    request_id: str = ""
    idempotency_key: str | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """The job that a request led to, and whether it was there before."""

    view: JobView
    replayed: bool


@dataclass
class _Findings:
    """What the checks found out, and every fault on the way."""

    faults: list[Fault] = field(default_factory=list)
    choice: Choice | None = None
    picture: PictureInfo | None = None
    mask: MaskFindings | None = None
    source_mask: PictureInfo | None = None
    geometry: Geometry | None = None

    @contextmanager
    def at(self, pointer: str) -> Iterator[None]:
        """Note what is wrong with a field and go on, so that all faults are told at once."""
        try:
            yield
        except PaintjobError as error:
            if error.retryable:
                raise
            self.faults += error.faults or (fault_of(pointer, error),)


class Submitter:
    """Accepts requests."""

    def __init__(
        self,
        settings: ServiceSettings,
        catalogue: Catalogue,
        store: JobStore,
        blobs: BlobStore,
        wakeups: Wakeups,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._store = store
        self._blobs = blobs
        self._wakeups = wakeups
        self._picture_slots = threading.BoundedSemaphore(PICTURE_SLOTS)

    @contextmanager
    def open_intake(self) -> Iterator[Intake]:
        """Open a place for the pictures of one request; if the block raises, they are wiped."""
        limit = self._settings.max_part_bytes
        intake = Intake(new_job_id(), self._blobs, self._store.begin_upload, limit)
        try:
            yield intake
        except BaseException:
            self._abandon(intake)
            raise

    def submit(self, asked: Asked) -> Accepted:
        """Accept a request, or give the job that its idempotency key belongs to.

        Raises:
            PaintjobError: the request is refused; `faults` tells all that is wrong with it.
        """
        spec = self._plan(asked)
        asked.intake.save()
        idempotency = self._idempotency(asked)
        submitted = try_twice(lambda: self._submit(spec, idempotency))
        if submitted.replayed:
            self._abandon(asked.intake)
        else:
            self._ring(spec.queue)
        log.info("job_accepted", job_id=submitted.job_id, replayed=submitted.replayed)
        view = try_twice(lambda: self._store.load(submitted.job_id, asked.tenant))
        return Accepted(view, submitted.replayed)

    def _plan(self, asked: Asked) -> JobSpec:
        found = _Findings([*asked.faults, *_find_key_faults(asked.idempotency_key)])
        with self._picture_slots:
            self._check_pictures(asked, found)
        if asked.params is not None:
            self._check_params(asked.params, asked.operation, found)
            found.faults += _find_unsupported_pictures(asked.intake, found.choice)
        raise_faults(found.faults)
        return _build_spec(asked, found)

    def _check_pictures(self, asked: Asked, found: _Findings) -> None:
        pictures, limit = asked.intake.pictures, self._settings.max_image_pixels
        if "image" in pictures:
            with found.at("/image"), pictures["image"].open() as file:
                found.picture = check_picture(file, limit)
        if "mask" not in pictures or found.picture is None:
            return
        known = asked.params if isinstance(asked.params, InpaintParams) else InpaintParams()
        with found.at("/mask"), pictures["mask"].open() as file:
            found.mask = inspect_mask(
                file,
                size=found.picture.upright_size,
                max_pixels=limit,
                polarity=known.mask_polarity or "white_repaints",
                threshold=known.mask_threshold or 128,
            )
        if "source_mask" in pictures:
            with found.at("/source_mask"), pictures["source_mask"].open() as file:
                found.source_mask = inspect_source_mask(file, found.picture.upright_size, limit)
        if asked.params is None:
            # Polarity and threshold are not known, so neither is whether the mask is empty or full.
            unsure = (MaskEmpty.code, MaskFull.code)
            found.faults[:] = [fault for fault in found.faults if fault.code not in unsure]

    def _check_params(
        self, params: InpaintParams | OutpaintParams, operation: Operation, found: _Findings
    ) -> None:
        with found.at("/method"):
            found.choice = choose(operation, params, self._catalogue)
            found.faults += find_unsupported(params, found.choice.method)
        canvas = found.picture.upright_size if found.picture else None
        if isinstance(params, OutpaintParams):
            vocabulary = find_vocabulary_faults(params)
            found.faults += vocabulary
            if vocabulary or canvas is None:
                return
            pointer = "/aspect_ratio" if params.aspect_ratio is not None else ""
            with found.at(pointer):
                limit = self._settings.max_canvas_pixels
                found.geometry = plan_canvas(params, canvas, limit)
                canvas = (found.geometry.width, found.geometry.height)
        if canvas is not None:
            with found.at("/num_images"):
                check_painted_pixels(canvas, params.num_images or 1)

    def _submit(self, spec: JobSpec, idempotency: Idempotency | None) -> Submitted:
        params, settings = spec.params, self._settings
        return self._store.submit(
            spec,
            start_within_seconds=params.start_within_seconds,
            finish_within_seconds=params.finish_within_seconds or 0,
            ttl_seconds=params.ttl_seconds or 0,
            limits=SubmitLimits(
                settings.queue_limit, settings.tenant_job_limit, settings.worker_absence_seconds
            ),
            idempotency=idempotency,
        )

    def _idempotency(self, asked: Asked) -> Idempotency | None:
        if asked.idempotency_key is None:
            return None
        return Idempotency(asked.idempotency_key, fingerprint(asked))

    def _ring(self, queue: str) -> None:
        try:
            self._wakeups.ring(queue)
        except BrokerUnavailable:
            # The job is accepted; the reaper finds within seconds that a delivery is missing.
            log.warning("ring_failed", queue=queue)

    def _abandon(self, intake: Intake) -> None:
        if not intake.has_written:
            return
        try:
            self._store.abandon_upload(intake.job_id)
        except BrokerUnavailable:
            # The entry that was written before the first byte has them wiped within the hour.
            log.warning("abandon_failed", job_id=intake.job_id)


def fingerprint(asked: Asked) -> str:
    """Give a digest of what was asked: tenant, parameters before defaults, files' digests.

    The bytes of the body will not do: a client draws another multipart boundary on every try.
    """
    params = asked.params.model_dump(exclude_none=True) if asked.params else {}
    files = {name: picture.sha256 for name, picture in asked.intake.pictures.items()}
    document = json.dumps([f"/{asked.operation}", asked.tenant, params, files], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()


def _find_unsupported_pictures(intake: Intake, choice: Choice | None) -> list[Fault]:
    """Find every picture that the method cannot honor."""
    if choice is None:
        return []
    message = f"method {choice.method.name} cannot honor it"
    names = sorted(choice.method.unsupported_fields & set(intake.pictures))
    return [Fault(f"/{name}", ParameterNotSupported.code, message) for name in names]


def _find_key_faults(key: str | None) -> list[Fault]:
    if key is None:
        return []
    if 0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable():
        return []
    message = f"must be 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
    return [Fault("Idempotency-Key", "invalid_field", message)]


def _build_spec(asked: Asked, found: _Findings) -> JobSpec:
    """Put the job together; every check has passed."""
    if asked.params is None or found.choice is None or found.picture is None:
        raise ValueError("a request with faults has no job")
    params = fill_defaults(asked.params, found.choice)
    geometry, mask = found.geometry, found.mask
    canvas = (geometry.width, geometry.height) if geometry else found.picture.upright_size
    pictures = asked.intake.pictures
    return JobSpec(
        job_id=asked.intake.job_id,
        tenant=asked.tenant,
        operation=asked.operation,
        method=found.choice.method.name,
        model=found.choice.model.name if found.choice.model else None,
        queue=found.choice.queue,
        priority=params.priority or "normal",
        batch_key=batch_key(asked.operation, params, found.choice, canvas),
        cost=cost(canvas, params.num_images or 1),
        params=params,
        image=_describe_blob(pictures["image"], found.picture),
        mask=_describe_blob(pictures["mask"], mask.info) if mask else None,
        source_mask=_describe_blob(pictures["source_mask"], found.source_mask)
        if found.source_mask
        else None,
        mask_asked=mask.asked if mask else None,
        geometry=geometry,
        warnings=mask.warnings if mask else [],
        request_id=asked.request_id,
    )


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
