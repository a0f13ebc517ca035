"""The body of `POST /batches`: items as JSON, and the pictures that they refer to, by part."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from flask import Request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.sansio.multipart import Field as FormField
from werkzeug.sansio.multipart import File

from service.api.requests.fields import Fields, parse_fields
from service.api.requests.framing import find_boundary, open_body
from service.api.requests.json_body import parse_object
from service.api.requests.multipart import split_parts
from service.api.requests.reader import BodyReader
from service.config import ServiceSettings
from service.contract.errors import (
    BodyTooLarge,
    InvalidField,
    MalformedBody,
    StoreUnavailable,
    UnsupportedMediaType,
)
from service.contract.faults import raise_faults
from service.contract.params import MAX_TAGS, MAX_URL_CHARACTERS, Tag

MAX_ITEMS = 1000
MAX_BATCH_PARTS = 4 * MAX_ITEMS + 1
"""An item has up to four pictures: image, mask, source_mask and reference_image."""

BATCH_PART = "batch"
CHUNK_BYTES = 64 * 1024


class BatchRequest(BaseModel):
    """The JSON of a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_ITEMS)] = Field(
        description="Each the JSON of `POST /inpaint`, `POST /outpaint` or `POST /masks`, with "
        "`operation`: `inpaint`, `outpaint` or `mask`."
    )
    defaults: dict[str, Any] = Field(
        {}, description="Fields of every item that does not set them itself."
    )
    tags: list[Tag] = Field([], max_length=MAX_TAGS, description="Short texts, returned unchanged.")
    ttl_seconds: int = Field(
        86_400,
        ge=1,
        le=604_800,
        description="Seconds that the batch is kept after its end; the default for its jobs too.",
    )
    webhook_url: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="The receiver of the batch's document, signed, once it has ended: an https URL "
        "on a public address, without user and fragment. Items may have their own.",
    )


class Parts:
    """The pictures of a multipart batch, one after the other in a temporary file.

    Raises:
        StoreUnavailable: there is no space for temporary files.
    """

    def __init__(self) -> None:
        # The request closes it.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._places: dict[str, tuple[int, int]] = {}
        self._digests: dict[str, Any] = {}

    def begin(self, name: str) -> Callable[[bytes], None]:
        """Begin a part; return the function that writes its bytes."""
        start = self._file.tell()
        self._places[name] = (start, start)
        self._digests[name] = hashlib.sha256()

        def write(data: bytes) -> None:
            try:
                self._file.write(data)
            except OSError as error:
                raise StoreUnavailable("there is no space for temporary files; retry") from error
            self._digests[name].update(data)
            self._places[name] = (start, self._file.tell())

        return write

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a part.

        Raises:
            ValueError: no part has this name; the text may be shown to the caller.
        """
        if name not in self._places:
            raise ValueError("is not the name of a part of this body")
        return self._iterate(*self._places[name])

    def measure(self, name: str) -> int:
        """Return the length of a part in bytes."""
        start, end = self._places[name]
        return end - start

    def take(self, name: str) -> bytes:
        """Return the bytes of a part, and remove it."""
        data = b"".join(self.read(name))
        del self._places[name], self._digests[name]
        return data

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every part, by name."""
        return {name: digest.hexdigest() for name, digest in self._digests.items()}

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()

    def _iterate(self, start: int, end: int) -> Iterator[bytes]:
        for place in range(start, end, CHUNK_BYTES):
            self._file.seek(place)
            yield self._file.read(min(CHUNK_BYTES, end - place))


@dataclass
class BatchBody:
    """A batch that was read.

    Attributes:
        request: its JSON.
        parts: the pictures in the body.
        fingerprint: identifies the content of the body, independent of its multipart boundary.
    """

    request: BatchRequest
    parts: Parts
    fingerprint: str


@dataclass
class _Form:
    parts: Parts
    max_part_bytes: int

    def open_part(self, part: FormField | File) -> Callable[[bytes], None]:
        name = part.name
        if not name:
            raise MalformedBody("a part of the multipart body has no name")
        if name in self.parts:
            raise InvalidField(f"the part {name[:64]!r} was sent more than once")
        what = "the batch's JSON" if name == BATCH_PART else "a picture"
        return self._limit(self.parts.begin(name), what)

    def _limit(self, write: Callable[[bytes], None], what: str) -> Callable[[bytes], None]:
        left = self.max_part_bytes

        def limited(data: bytes) -> None:
            nonlocal left
            left -= len(data)
            if left < 0:
                raise BodyTooLarge(f"{what} is larger than {self.max_part_bytes} bytes")
            write(data)

        return limited


class BatchReader:
    """The reader of the bodies of `POST /batches`.

    Args:
        settings: the limits.
        slots: bounds the memory of all JSON.
    """

    def __init__(self, settings: ServiceSettings, slots: BodyReader) -> None:
        self._settings = settings
        self._slots = slots

    def read(self, request: Request) -> BatchBody:
        """Read a body; the caller closes its parts.

        Raises:
            LengthRequired, BodyTooLarge, UnsupportedMediaType, MalformedBody: as its type requires.
            InvalidField, UnknownField: the batch itself is invalid; faults of items are reported
            with each item later.
            TooManyWaiters: too much JSON is being read.
        """
        parts = Parts()
        try:
            with self._open_text(request, parts) as text:
                document = parse_object(text)
                return BatchBody(_parse(document), parts, _fingerprint(document, parts))
        except BaseException:
            parts.close()
            raise

    @contextmanager
    def _open_text(self, request: Request, parts: Parts) -> Iterator[bytes]:
        """Read the list of items; its memory is held while the block runs."""
        if request.mimetype == "multipart/form-data":
            self._read_form(request, parts)
            with self._slots.hold_text(parts.measure(BATCH_PART)):
                text = parts.take(BATCH_PART)
                with self._slots.hold_values(text):
                    yield text
        elif request.mimetype == "application/json":
            with self._slots.hold_json(request, "batch") as text:
                yield text
        else:
            raise UnsupportedMediaType("the body must be multipart/form-data or application/json")

    def _read_form(self, request: Request, parts: Parts) -> None:
        stream = open_body(request, self._settings.max_batch_body_bytes, "batch")
        form = _Form(parts, self._settings.max_part_bytes)
        split_parts(stream, find_boundary(request), form.open_part, MAX_BATCH_PARTS)
        if BATCH_PART not in parts:
            raise InvalidField(f"the part {BATCH_PART!r} with the list of items is required")


def _parse(document: dict[str, Any]) -> BatchRequest:
    found, faults = parse_fields(BatchRequest, Fields(document, False))
    if found is None:
        raise_faults(faults)
        raise ValueError("a batch that is none has faults")
    return found


def _fingerprint(document: dict[str, Any], parts: Parts) -> str:
    text = json.dumps(["/batches", document, parts.digests()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
