"""What the checks of a request find out: every fault at once, or all that its job is made of.

Knows no Flask, no broker, and of the store only where the pictures of this request lie.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.config import ServiceSettings
from service.contract.catalogue import Catalogue
from service.contract.errors import (
    Fault,
    MaskEmpty,
    MaskFull,
    PaintjobError,
    ParameterNotSupported,
)
from service.contract.faults import fault_of, raise_faults
from service.contract.geometry import Geometry
from service.contract.jobs import JobWarning
from service.contract.params import InpaintParams, Operation, OutpaintParams
from service.outbound.urls import check_url
from service.pictures.checks import PictureInfo, check_picture
from service.pictures.masks import (
    DEFAULT_THRESHOLD,
    MaskFindings,
    inspect_mask,
    inspect_regions,
    inspect_source_mask,
    inspect_transparency,
)
from service.submission.canvas import (
    check_overlap,
    find_pointer,
    find_vocabulary_faults,
    plan_geometry,
)
from service.submission.intake import Intake
from service.submission.model_rules import find_model_faults
from service.submission.output import (
    check_format_holds,
    check_format_holds_exif,
    find_format_faults,
)
from service.submission.planning import (
    Choice,
    check_painted_pixels,
    choose,
    find_mask_faults,
    find_retention_faults,
    find_unsupported,
)
from service.submission.request import JobRequest

PICTURE_SLOTS = 4
"""Pictures decoded at once. A 16-megapixel mask takes some 60 MB while it is measured, regions on
such a picture some 30 MB, and its own transparency some 110 MB: of all that is asked of a picture,
this alone has the API decode it whole."""

MAX_KEY_CHARACTERS = 255


@dataclass(frozen=True)
class Inspected:
    """A request that passed every check.

    Attributes:
        params: as asked, before defaults.
        choice: what paints.
        picture: the picture's file.
        mask: what is to be repainted; `None` in outpainting.
        source_mask: the file of where may be copied from.
        geometry: the canvas; `None` in inpainting.
        warnings: what looks odd about the masks.
    """

    params: InpaintParams | OutpaintParams
    choice: Choice
    picture: PictureInfo
    mask: MaskFindings | None
    source_mask: PictureInfo | None
    geometry: Geometry | None
    warnings: tuple[JobWarning, ...] = ()

    @property
    def canvas(self) -> tuple[int, int]:
        """Width and height of the result."""
        if self.geometry is None:
            return self.picture.upright_size
        return self.geometry.width, self.geometry.height


@dataclass
class _Findings:
    """What the checks found out so far, and every fault on the way."""

    faults: list[Fault] = field(default_factory=list)
    choice: Choice | None = None
    picture: PictureInfo | None = None
    mask: MaskFindings | None = None
    source_mask: PictureInfo | None = None
    source_warnings: list[JobWarning] = field(default_factory=list)
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


class Inspector:
    """Checks requests, a few at a time."""

    def __init__(self, settings: ServiceSettings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._picture_slots = threading.BoundedSemaphore(PICTURE_SLOTS)

    def inspect(self, request: JobRequest) -> Inspected:
        """Check a request.

        Raises:
            PaintjobError: it is refused; `faults` tells all that is wrong with it.
        """
        found = _Findings([*request.faults, *find_key_faults(request.idempotency_key)])
        with self._picture_slots:
            self._check_pictures(request, found)
        if request.params is not None:
            self._check_params(request.params, request.operation, found)
            found.faults += _find_unsupported_pictures(request.intake, found.choice)
        raise_faults(found.faults)
        if request.params is None or found.choice is None or found.picture is None:
            raise ValueError("a request without faults has parameters, a method and a picture")
        if request.operation == "inpaint" and found.mask is None:
            raise ValueError("an inpainting without faults has a mask")
        return Inspected(
            params=request.params,
            choice=found.choice,
            picture=found.picture,
            mask=found.mask,
            source_mask=found.source_mask,
            geometry=found.geometry,
            warnings=(*(found.mask.warnings if found.mask else ()), *found.source_warnings),
        )

    def redraw_mask(self, intake: Intake) -> None:
        """Put in place of a mask that speaks by its transparency one that speaks by luminance.

        What is transparent becomes white.

        Raises:
            PaintjobError: the mask is broken, or has no transparency; there is then none.
        """
        sent = intake.pictures.pop("mask")
        with self._picture_slots:
            with sent.open() as file:
                check_picture(file, self._settings.max_image_pixels)
            with sent.open() as file:
                found = inspect_transparency(file, polarity="white_repaints", threshold=1)
        drawn = intake.open_picture("mask")
        drawn.write(found.drawn or b"")
        drawn.finish()

    def _check_pictures(self, request: JobRequest, found: _Findings) -> None:
        pictures, limit = request.intake.pictures, self._settings.max_image_pixels
        if "image" in pictures:
            with found.at("/image"), pictures["image"].open() as file:
                found.picture = check_picture(file, limit)
        if found.picture is None or request.operation == "outpaint":
            return
        size = found.picture.upright_size
        self._check_mask(request, found, size)
        if "source_mask" in pictures:
            with found.at("/source_mask"), pictures["source_mask"].open() as file:
                found.source_mask, found.source_warnings = inspect_source_mask(file, size, limit)

    def _check_mask(self, request: JobRequest, found: _Findings, size: tuple[int, int]) -> None:
        """Look at the mask, wherever it comes from; that it comes from one place is known."""
        pictures = request.intake.pictures
        known = request.params if isinstance(request.params, InpaintParams) else InpaintParams()
        polarity = known.mask_polarity or "white_repaints"
        threshold = known.mask_threshold or DEFAULT_THRESHOLD
        if "mask" in pictures:
            limit = self._settings.max_image_pixels
            with found.at("/mask"), pictures["mask"].open() as file:
                found.mask = inspect_mask(
                    file, size=size, max_pixels=limit, polarity=polarity, threshold=threshold
                )
        elif known.mask_source is not None:
            with found.at("/mask_source"), pictures["image"].open() as file:
                found.mask = inspect_transparency(file, polarity=polarity, threshold=threshold)
        elif known.regions is not None:
            with found.at("/regions"):
                found.mask = inspect_regions(known.regions, size=size, polarity=polarity)
        if request.params is None:
            # Polarity and threshold are not known, so neither is whether the mask is empty or full.
            unsure = (MaskEmpty.code, MaskFull.code)
            found.faults[:] = [fault for fault in found.faults if fault.code not in unsure]

    def _check_params(
        self, params: InpaintParams | OutpaintParams, operation: Operation, found: _Findings
    ) -> None:
        with found.at("/method"):
            found.choice = choose(operation, params, self._catalogue)
            found.faults += find_unsupported(params, found.choice)
            if found.choice.model is not None:
                found.faults += find_model_faults(params, found.choice.model)
        found.faults += find_format_faults(params)
        found.faults += find_retention_faults(params)
        self._check_webhook(params, found)
        canvas = found.picture.upright_size if found.picture else None
        if isinstance(params, InpaintParams):
            found.faults += find_mask_faults(params)
        else:
            self._check_geometry(params, canvas, found)
        if found.geometry is not None:
            canvas = found.geometry.width, found.geometry.height
        if found.picture is not None:
            with found.at("/keep_metadata"):
                check_format_holds_exif(found.picture.exif, params)
        # Of an extension that is itself refused, the picture alone is judged: no canvas is less.
        if canvas is not None:
            with found.at("/num_images"):
                check_painted_pixels(canvas, params.num_images or 1)
            with found.at("/output_format"):
                check_format_holds(canvas, params.output_format or "png")

    def _check_webhook(self, params: InpaintParams | OutpaintParams, found: _Findings) -> None:
        """Look at where a job's webhooks are to go, now; the courier looks again each time."""
        if params.webhook_url is not None:
            with found.at("/webhook_url"):
                check_url(params.webhook_url, self._settings.webhook_policy)
        elif params.webhook_events is not None:
            message = "says what to tell webhook_url of, which is missing"
            found.faults.append(Fault("/webhook_events", "invalid_field", message))

    def _check_geometry(
        self, params: OutpaintParams, size: tuple[int, int] | None, found: _Findings
    ) -> None:
        """Look at how far a request reaches, and how far back into the picture.

        Args:
            params: as request.
            size: width and height of the picture, upright, if there is one.
            found: takes the geometry, if there is one.
        """
        vocabulary = find_vocabulary_faults(params)
        found.faults += vocabulary
        if size is None or vocabulary:
            return
        with found.at(find_pointer(params)):
            found.geometry = plan_geometry(params, size, self._settings.max_canvas_pixels)
        if found.geometry is not None:
            with found.at("/overlap"):
                check_overlap(params.overlap or 0, found.geometry)


def _find_unsupported_pictures(intake: Intake, choice: Choice | None) -> list[Fault]:
    """Find every picture that the method cannot honor."""
    if choice is None:
        return []
    names = sorted(choice.unsupported_fields & set(intake.pictures))
    return [
        Fault(f"/{name}", ParameterNotSupported.code, f"{choice.painter_of(name)} cannot honor it")
        for name in names
    ]


def find_key_faults(key: str | None) -> list[Fault]:
    """Find what is wrong with an idempotency key."""
    if key is None:
        return []
    if 0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable():
        return []
    message = f"must be 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
    return [Fault("Idempotency-Key", "invalid_field", message)]
