"""Inspects a request: returns every fault at once, or all that its job is made of.

Knows neither the broker nor, of the store, more than where the pictures of this request are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar, cast

from service.config import ServiceSettings
from service.contract.catalogue import Catalogue
from service.contract.errors import (
    ConflictingFields,
    Fault,
    MaskEmpty,
    MaskFull,
    PaintjobError,
    ParameterNotSupported,
)
from service.contract.faults import fault_of, raise_faults
from service.contract.geometry import Geometry
from service.contract.jobs import JobWarning
from service.contract.params import (
    AnyPaintParams,
    AnyParams,
    InpaintParams,
    MaskParams,
    MaskPolarity,
    OutpaintParams,
)
from service.outbound.urls import check_url
from service.pictures.checks import PictureInfo, check_picture
from service.pictures.cmyk import BY_COMPLEMENT, BY_PROFILE
from service.pictures.masks import (
    DEFAULT_THRESHOLD,
    MaskFindings,
    inspect_mask,
    inspect_regions,
    inspect_source_mask,
    inspect_transparency,
    inspect_wanted,
)
from service.submission.canvas import (
    check_overlap,
    find_pointer,
    find_vocabulary_faults,
    plan_geometry,
)
from service.submission.choice import Choice, find_intent_faults
from service.submission.finding import Finders, choose_finders, choose_queue
from service.submission.intake import Intake, PictureUpload
from service.submission.model_rules import check_shape, find_model_faults
from service.submission.output import (
    check_format_holds,
    check_format_holds_exif,
    check_resized,
    find_format_faults,
    find_resized_pointer,
)
from service.submission.planning import (
    IsServed,
    check_painted_pixels,
    choose,
    count_images,
    find_mask_faults,
    find_retention_faults,
    find_unsupported,
    has_finders,
)
from service.submission.request import JobRequest
from service.submission.slots import WeightedSlots

PICTURE_MEMORY_BYTES = 320 * 1024 * 1024
"""Memory that all decoded pictures of a process may take. A PNG of 16 megapixels takes some
100 MB while it is measured as a mask or by its transparency, regions on it 50 MB."""

PICTURE_WAIT_SECONDS = 20.0
REGION_BYTES_PER_PIXEL = 3

MAX_KEY_CHARACTERS = 255
REFERENCE = "reference_image"
"""Field of the picture that a model only looks at."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Inspected:
    """A request that passed every check.

    Attributes:
        params: as sent, before defaults.
        choice: method, model and finders.
        picture: file of the picture.
        mask: the pixels to repaint; `None` in outpainting, and where finders are to find them.
        source_mask: file of the source mask, white where pixels may be copied from.
        reference: file of the picture that the model only looks at.
        geometry: the canvas; `None` in inpainting.
        warnings: likely mistakes in the masks, and that results are resized.
    """

    params: AnyParams
    choice: Choice
    picture: PictureInfo
    mask: MaskFindings | None
    source_mask: PictureInfo | None
    reference: PictureInfo | None
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
    """Results of the checks so far, and all faults."""

    faults: list[Fault] = field(default_factory=list)
    choice: Choice | None = None
    finders: Finders = field(default_factory=dict)
    picture: PictureInfo | None = None
    mask: MaskFindings | None = None
    source_mask: PictureInfo | None = None
    reference: PictureInfo | None = None
    mask_warnings: list[JobWarning] = field(default_factory=list)
    source_warnings: list[JobWarning] = field(default_factory=list)
    output_warnings: list[JobWarning] = field(default_factory=list)
    geometry: Geometry | None = None

    @contextmanager
    def at(self, pointer: str) -> Iterator[None]:
        """Collect the fault that the block raises and go on, so that all are returned at once."""
        try:
            yield
        except PaintjobError as error:
            if error.retryable:
                raise
            self.faults += error.faults or (fault_of(pointer, error),)


class Memo:
    """Remembers what the inspection of a file found, for requests that name it several times.

    Args:
        most: entries; the oldest goes first, since a drawn mask may be large.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, Any] = OrderedDict()

    def recall(self, key: Hashable, inspect: Callable[[], Value]) -> Value:
        """Return what was found before, or inspect now; a refusal is remembered too.

        Raises:
            PaintjobError: as `inspect` raised it, now or before.
        """
        if key not in self._found:
            self._found[key] = _try(inspect)
            if len(self._found) > self._most:
                self._found.popitem(last=False)
        found = self._found[key]
        if isinstance(found, PaintjobError):
            raise found.with_traceback(None)
        return cast("Value", found)


def _try(inspect: Callable[[], Value]) -> Value | PaintjobError:
    try:
        return inspect()
    except PaintjobError as error:
        if error.retryable:
            raise
        return error


class Inspector:
    """Checks requests, a few at a time.

    Args:
        settings: the limits.
        catalogue: the models.
        is_served: whether a queue has workers.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        catalogue: Catalogue,
        is_served: IsServed = lambda _: True,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._is_served = is_served
        detail = "too many pictures are being decoded; retry"
        self._memory = WeightedSlots(PICTURE_MEMORY_BYTES, PICTURE_WAIT_SECONDS, detail)

    def inspect(self, request: JobRequest, memo: Memo | None = None) -> Inspected:
        """Check a request.

        Args:
            request: as parsed.
            memo: what was found in files of requests before.

        Raises:
            PaintjobError: it is refused; `faults` lists all that is wrong with it.
        """
        found = _Findings([*request.faults, *find_key_faults(request.idempotency_key)])
        self._check_pictures(request, found, memo or Memo())
        if request.params is not None:
            self._check_params(request, request.params, found)
            found.faults += _find_unsupported_pictures(request.intake, found.choice)
            found.faults += _find_two_references(request.params, request.intake)
        raise_faults(found.faults)
        if request.params is None or found.choice is None or found.picture is None:
            raise ValueError("a request without faults has parameters, a method and a picture")
        if request.operation != "outpaint" and found.mask is None and not found.choice.finders:
            raise ValueError("a request for a mask without faults has one, or finders")
        return Inspected(
            params=request.params,
            choice=found.choice,
            picture=found.picture,
            mask=found.mask,
            source_mask=found.source_mask,
            reference=found.reference,
            geometry=found.geometry,
            warnings=(
                *find_conversion_warnings(found.picture),
                *(found.mask.warnings if found.mask else found.mask_warnings),
                *found.source_warnings,
                *found.output_warnings,
            ),
        )

    def redraw_mask(self, intake: Intake) -> None:
        """Convert an alpha mask to a luminance mask; transparent pixels become white.

        Raises:
            PaintjobError: the mask is broken, or has no transparency; it is then dropped.
        """
        sent = intake.pictures.pop("mask")
        with sent.open() as file:
            check_picture(file, self._settings.max_image_pixels)
        with sent.open() as file:
            found = inspect_transparency(
                file,
                polarity="white_repaints",
                threshold=1,
                max_pixels=self._settings.max_image_pixels,
                hold=self._memory.hold,
            )
        drawn = intake.open_picture("mask")
        drawn.write(found.drawn or b"")
        drawn.finish()

    def _check_pictures(self, request: JobRequest, found: _Findings, memo: Memo) -> None:
        pictures, limit = request.intake.pictures, self._settings.max_image_pixels
        if "image" in pictures:
            with found.at("/image"):
                # Without parameters it is unknown whether it is to be converted.
                takes_cmyk = request.params is None or request.params.convert is not None
                check = partial(check_picture, takes_cmyk=takes_cmyk)
                rule = ("image", takes_cmyk)
                found.picture = _look(pictures["image"], memo, rule, check, limit)
        if REFERENCE in pictures:
            with found.at(f"/{REFERENCE}"):
                found.reference = _look(
                    pictures[REFERENCE], memo, (REFERENCE,), check_picture, limit
                )
        if found.picture is None or request.operation == "outpaint":
            return
        size = found.picture.upright_size
        self._check_mask(request, found, size, memo)
        if "source_mask" in pictures:
            with found.at("/source_mask"):
                found.source_mask, found.source_warnings = _look(
                    pictures["source_mask"],
                    memo,
                    ("source", size),
                    partial(inspect_source_mask, hold=self._memory.hold),
                    size,
                    limit,
                )

    def _check_mask(
        self, request: JobRequest, found: _Findings, size: tuple[int, int], memo: Memo
    ) -> None:
        """Inspect the mask of any source; that there is exactly one was checked before."""
        pictures = request.intake.pictures
        asked = request.params
        known = asked if isinstance(asked, InpaintParams | MaskParams) else InpaintParams()
        polarity = known.mask_polarity or "white_repaints"
        threshold = known.mask_threshold or DEFAULT_THRESHOLD
        rule = (size, polarity, threshold)
        if "mask" in pictures:
            inspect = partial(
                inspect_mask,
                size=size,
                max_pixels=self._settings.max_image_pixels,
                polarity=polarity,
                threshold=threshold,
                hold=self._memory.hold,
            )
            with found.at("/mask"):
                found.mask = _look(pictures["mask"], memo, ("mask", *rule), inspect)
        elif known.mask_source is not None:
            inspect = partial(
                inspect_transparency,
                polarity=polarity,
                threshold=threshold,
                max_pixels=self._settings.max_image_pixels,
                hold=self._memory.hold,
            )
            with found.at("/mask_source"):
                found.mask = _look(pictures["image"], memo, ("alpha", *rule), inspect)
        elif known.regions is not None and has_finders(known):
            with found.at("/regions"), self._memory.hold(_count_region_bytes(size)):
                found.mask_warnings = inspect_wanted(known.regions, size)
        elif known.regions is not None:
            with found.at("/regions"):
                found.mask = self._draw(known, size, polarity, memo)
        if request.params is None:
            # Without polarity and threshold it is unknown whether the mask is empty or full.
            unsure = (MaskEmpty.code, MaskFull.code)
            found.faults[:] = [fault for fault in found.faults if fault.code not in unsure]

    def _draw(
        self,
        params: InpaintParams | MaskParams,
        size: tuple[int, int],
        polarity: MaskPolarity,
        memo: Memo,
    ) -> MaskFindings:
        """Draw regions, unless the same ones were drawn before; `defaults` gives them to all."""

        def draw() -> MaskFindings:
            with self._memory.hold(_count_region_bytes(size)):
                return inspect_regions(params.regions or [], size=size, polarity=polarity)

        text = params.model_dump_json(include={"regions"})
        return memo.recall(("regions", size, polarity, sha256(text.encode()).digest()), draw)

    def _check_params(self, request: JobRequest, params: AnyParams, found: _Findings) -> None:
        with found.at("/regions"):
            regions = None if isinstance(params, OutpaintParams) else params.regions
            found.finders = choose_finders(regions or [], self._catalogue)
        with found.at("/method"):
            found.choice = choose(
                request.operation,
                params,
                self._catalogue,
                request.intake.pictures.keys(),
                self._is_served,
                found.finders,
            )
            with found.at("/regions"):
                choose_queue(found.choice.model, found.finders)
        found.faults += find_retention_faults(params)
        self._check_webhook(params, found)
        if not isinstance(params, OutpaintParams):
            found.faults += find_mask_faults(params)
        if not isinstance(params, MaskParams):
            self._check_painting(params, found)

    def _check_painting(self, params: AnyPaintParams, found: _Findings) -> None:
        if found.choice is not None:
            found.faults += find_unsupported(params, found.choice)
            found.faults += find_intent_faults(params, found.choice)
            if found.choice.model is not None:
                found.faults += find_model_faults(params, found.choice.model)
        found.faults += find_format_faults(params)
        canvas = found.picture.upright_size if found.picture else None
        if isinstance(params, OutpaintParams):
            self._check_geometry(params, canvas, found)
        if found.geometry is not None:
            canvas = found.geometry.width, found.geometry.height
        model = found.choice.model if found.choice is not None else None
        # An eraser's crops are continued to its size.
        if model is not None and model.kind != "eraser":
            _check_shapes(params, canvas, found)
        if found.picture is not None:
            with found.at("/keep_metadata"):
                check_format_holds_exif(found.picture.exif, params)
        # If the canvas was refused, the picture is checked in its place: no canvas is smaller.
        if canvas is not None:
            with found.at("/num_images"):
                check_painted_pixels(canvas, count_images(params))
            with found.at("/output_format"):
                check_format_holds(canvas, params.output_format or "png")
            with found.at(find_resized_pointer(params)):
                found.output_warnings = check_resized(
                    params, canvas, self._settings.max_canvas_pixels
                )

    def _check_webhook(self, params: AnyParams, found: _Findings) -> None:
        """Check the address of webhooks now; the courier checks it again for each delivery."""
        if params.webhook_url is not None:
            with found.at("/webhook_url"):
                check_url(params.webhook_url, self._settings.webhook_policy)
        elif params.webhook_events is not None:
            message = "needs webhook_url, which is missing"
            found.faults.append(Fault("/webhook_events", "invalid_field", message))

    def _check_geometry(
        self, params: OutpaintParams, size: tuple[int, int] | None, found: _Findings
    ) -> None:
        """Check the size parameters and the overlap.

        Args:
            params: as sent.
            size: width and height of the picture, upright, if it is known.
            found: receives the geometry.
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


def _check_shapes(params: AnyPaintParams, canvas: tuple[int, int] | None, found: _Findings) -> None:
    """Check that a model can paint the picture, and the canvas if there is another one."""
    if found.picture is not None:
        with found.at("/image"):
            check_shape(found.picture.upright_size, "picture")
    if isinstance(params, OutpaintParams) and found.geometry is not None and canvas is not None:
        with found.at(find_pointer(params)):
            check_shape(canvas, "canvas")


def _look(
    picture: PictureUpload,
    memo: Memo,
    rule: tuple[Hashable, ...],
    inspect: Callable[..., Value],
    *arguments: object,
) -> Value:
    """Inspect a picture, unless the same file was inspected by the same rule before."""

    def look() -> Value:
        with picture.open() as file:
            return inspect(file, *arguments)

    return memo.recall((picture.sha256, *rule), look)


def _count_region_bytes(size: tuple[int, int]) -> int:
    """Return the memory that drawing regions takes on a picture."""
    return REGION_BYTES_PER_PIXEL * size[0] * size[1]


def _find_unsupported_pictures(intake: Intake, choice: Choice | None) -> list[Fault]:
    """Return a fault for every picture that the method cannot use."""
    if choice is None:
        return []
    names = sorted(choice.unsupported_fields & set(intake.pictures))
    return [
        Fault(
            f"/{name}", ParameterNotSupported.code, f"{choice.painter_of(name)} does not support it"
        )
        for name in names
    ]


def _find_two_references(params: AnyParams, intake: Intake) -> list[Fault]:
    """Return a fault if a picture and a parameter each name what the model is to look at."""
    if (
        isinstance(params, MaskParams)
        or params.reference is None
        or REFERENCE not in intake.pictures
    ):
        return []
    message = f"excludes {REFERENCE}, which is the reference; send one of them"
    return [Fault("/reference", ConflictingFields.code, message)]


def find_conversion_warnings(picture: PictureInfo) -> list[JobWarning]:
    """Return the warning that a picture is converted, if it is."""
    if picture.mode != "CMYK":
        return []
    how = BY_PROFILE if picture.has_cmyk_profile else BY_COMPLEMENT
    detail = (
        f"the picture was in CMYK and was converted to sRGB {how}; the kept pixels, and the proof, "
        "are those of the converted picture"
    )
    return [JobWarning(code="converted_to_srgb", detail=detail)]


def find_key_faults(key: str | None) -> list[Fault]:
    """Check an idempotency key, and return its faults."""
    if key is None:
        return []
    if 0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable():
        return []
    message = f"must be 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
    return [Fault("Idempotency-Key", "invalid_field", message)]
