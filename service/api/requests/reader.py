"""The reader of request bodies of every type, into parameters and pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType

from flask import Request

from service.api.requests.fields import Fields, drop_empty, parse_fields
from service.api.requests.framing import find_boundary, hold_body, open_body
from service.api.requests.json_body import MAX_VALUES, count_values, read_json, take_named
from service.api.requests.multipart import read_multipart
from service.api.requests.references import Sources
from service.config import ServiceSettings
from service.contract.errors import Fault, UnsupportedMediaType
from service.contract.faults import raise_faults
from service.contract.params import (
    AnyParams,
    InpaintParams,
    MaskParams,
    Operation,
    OutpaintParams,
)
from service.submission.intake import Intake
from service.submission.request import ParsedBody
from service.submission.slots import WeightedSlots

JSON_MEMORY_BYTES = 512 * 1024 * 1024
"""Memory that all JSON of a process may take while it is read and parsed."""

BYTES_PER_BYTE, BYTES_PER_VALUE = 5, 100
"""Memory per byte of a text, and per value in it: a picture of 25 MB takes 125 MB."""

JSON_WAIT_SECONDS = 10.0

UPLOAD_PART = "file"

REQUIRED_PICTURES: dict[Operation, tuple[str, ...]] = {
    "inpaint": ("image",),
    "outpaint": ("image",),
    "mask": ("image",),
}
PICTURES: dict[Operation, tuple[str, ...]] = {
    "inpaint": ("image", "mask", "source_mask", "reference_image"),
    "outpaint": ("image", "reference_image"),
    "mask": ("image", "mask"),
}
"""Fields that contain pictures."""

MASK_SOURCES = ("mask", "mask_source", "regions")
"""Fields of which `POST /inpaint` and `POST /masks` need exactly one."""

MODELS: dict[Operation, type[AnyParams]] = {
    "inpaint": InpaintParams,
    "outpaint": OutpaintParams,
    "mask": MaskParams,
}


class BodyReader:
    """The reader of the bodies of `POST /inpaint`, `POST /outpaint` and `POST /masks`."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        detail = "too much JSON is being read; retry, or send multipart/form-data"
        self._texts = WeightedSlots(JSON_MEMORY_BYTES, JSON_WAIT_SECONDS, detail)
        self._values = WeightedSlots(JSON_MEMORY_BYTES, JSON_WAIT_SECONDS, detail)

    def read(
        self, request: Request, operation: Operation, intake: Intake, sources: Sources
    ) -> ParsedBody:
        """Read a body; pictures go to the intake.

        Args:
            request: the request.
            operation: the operation.
            intake: receives the pictures.
            sources: open pictures that a JSON body refers to.

        Raises:
            LengthRequired: the body has neither Content-Length nor chunks.
            BodyTooLarge: it, or a part of it, is too large.
            UnsupportedMediaType: it is neither multipart nor JSON.
            MalformedBody: it cannot be parsed.
            TooManyWaiters: too many large JSON bodies are being read.
        """
        return judge_fields(
            self._read_fields(request, operation, intake, sources), operation, intake
        )

    def read_file(self, request: Request, intake: Intake) -> None:
        """Read a multipart body of one picture, named `file`, into the intake.

        Raises:
            LengthRequired, BodyTooLarge, UnsupportedMediaType, MalformedBody: as `read`.
            PaintjobError: there is no such part, or another one.
        """
        if request.mimetype != "multipart/form-data":
            raise UnsupportedMediaType("the body must be multipart/form-data")
        fields = self._read_parts(request, intake, (UPLOAD_PART,))
        unknown = [
            Fault(f"/{name[:64]}", "unknown_field", f"{UPLOAD_PART} is the only part")
            for name in fields.document
        ]
        missing = [Fault(f"/{UPLOAD_PART}", "invalid_field", "is required")]
        raise_faults([*fields.faults, *unknown, *([] if intake.pictures else missing)])

    def _read_fields(
        self, request: Request, operation: Operation, intake: Intake, sources: Sources
    ) -> Fields:
        names = PICTURES[operation]
        if request.mimetype == "multipart/form-data":
            return self._read_parts(request, intake, names)
        if request.mimetype == "application/json":
            with self.hold_json(request) as body:
                fields = read_json(body, intake, names, sources)
            # Without the slot: a slow host must not delay other requests with JSON.
            return take_named(fields, intake, names, sources)
        raise UnsupportedMediaType("the body must be multipart/form-data or application/json")

    def read_form(
        self,
        request: Request,
        intake: Intake,
        pictures: Collection[str],
        renamed: Mapping[str, str],
    ) -> Fields:
        """Read a multipart body without checking its fields.

        Args:
            request: the request.
            intake: receives the pictures.
            pictures: names of the fields with pictures.
            renamed: other names of fields, and the fields that they stand for.

        Raises:
            LengthRequired, BodyTooLarge, MalformedBody: as `read`.
            UnsupportedMediaType: it is not multipart; the caller reads JSON itself.
        """
        if request.mimetype != "multipart/form-data":
            raise UnsupportedMediaType("the body must be multipart/form-data or application/json")
        return self._read_parts(request, intake, pictures, renamed)

    def _read_parts(
        self,
        request: Request,
        intake: Intake,
        pictures: Collection[str],
        renamed: Mapping[str, str] = MappingProxyType({}),
    ) -> Fields:
        stream = open_body(request, self._settings.max_body_bytes)
        return read_multipart(stream, find_boundary(request), intake, pictures, renamed)

    @contextmanager
    def hold_json(self, request: Request, what: str = "body") -> Iterator[bytes]:
        """Read a JSON text; memory for it and its values is held while the block runs.

        Raises:
            LengthRequired, BodyTooLarge, MalformedBody, TooManyWaiters: as `read`.
        """
        limit = self._settings.max_json_body_bytes
        with hold_body(request, limit, self.hold_text, what) as body, self.hold_values(body):
            yield body

    def hold_text(self, length: int) -> AbstractContextManager[None]:
        """Hold memory for a JSON text of this length while it is read and parsed.

        Raises:
            TooManyWaiters: not enough became free in time.
        """
        return self._texts.hold(BYTES_PER_BYTE * length)

    def hold_values(self, body: bytes) -> AbstractContextManager[None]:
        """Hold memory for the values of a JSON text while it is parsed.

        Raises:
            TooManyWaiters: not enough became free in time.
        """
        return self._values.hold(BYTES_PER_VALUE * min(count_values(body), MAX_VALUES))


def judge_fields(fields: Fields, operation: Operation, intake: Intake) -> ParsedBody:
    """Build the parameters from the fields, and find what is missing or wrong.

    Args:
        fields: the fields besides the pictures.
        operation: the operation.
        intake: contains the pictures.
    """
    fields = drop_empty(MODELS[operation], fields)
    params, faults = parse_fields(MODELS[operation], fields, PICTURES[operation])
    reported = {fault.pointer for fault in fields.faults}
    missing = [
        Fault(f"/{name}", "invalid_field", "is required")
        for name in REQUIRED_PICTURES[operation]
        if name not in intake.pictures and f"/{name}" not in reported
    ]
    if operation != "outpaint":
        missing += _find_source_faults(fields, {*intake.pictures, *_names(fields.faults)})
    return ParsedBody(operation, params, (*fields.faults, *missing, *faults))


def _find_source_faults(fields: Fields, sent: set[str]) -> list[Fault]:
    """Check that exactly one field describes the mask, valid or not; return faults.

    Args:
        fields: the fields besides the pictures.
        sent: names of the pictures in the body, the unusable ones too.
    """
    # Null counts as absent; in a form it is reported with its field.
    nothing = "null" if fields.is_text else None
    sent = sent | {
        name
        for name, value in fields.document.items()
        if (value.strip() if fields.is_text else value) != nothing
    }
    given = [name for name in MASK_SOURCES if name in sent]
    if not given:
        message = "is required; send a mask, or mask_source or regions instead"
        return [Fault("/mask", "invalid_field", message, MASK_SOURCES)]
    message = f"{' and '.join(given)} exclude each other; send exactly one of them"
    return [Fault(f"/{name}", "conflicting_fields", message) for name in given[1:]]


def _names(faults: Sequence[Fault]) -> set[str]:
    return {fault.pointer.removeprefix("/") for fault in faults}
