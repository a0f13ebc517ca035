"""The body of `POST /batches`: items as JSON, and the pictures that they refer to, by part."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any

from flask import Request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.sansio.multipart import Field as FormField
from werkzeug.sansio.multipart import File

from service.api.requests.fields import Fields, parse_fields
from service.api.requests.framing import check_length, find_boundary, get_length, read_whole
from service.api.requests.json_body import parse_object
from service.api.requests.multipart import split_parts
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
MAX_BATCH_PARTS = 3 * MAX_ITEMS + 1
"""An item has up to three pictures: image, mask and source_mask."""

BATCH_PART = "batch"
CHUNK_BYTES = 64 * 1024


class BatchRequest(BaseModel):
    """The JSON of a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_ITEMS)] = Field(
        description="Each the JSON of `POST /inpaint` or `POST /outpaint`, with `operation`."
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
    text: bytearray | None = field(default=None)

    def open_part(self, part: FormField | File) -> Callable[[bytes], None]:
        name = part.name
        if not name:
            raise MalformedBody("a part of the multipart body has no name")
        if name in self.parts or (name == BATCH_PART and self.text is not None):
            raise InvalidField(f"the part {name[:64]!r} was sent more than once")
        if name == BATCH_PART:
            self.text = bytearray()
            return self._limit(self.text.extend, "the batch's JSON")
        return self._limit(self.parts.begin(name), "a picture")

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
        json_slot: entered while a large JSON body of that many bytes is in memory.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        json_slot: Callable[[int], AbstractContextManager[None]],
    ) -> None:
        self._settings = settings
        self._json_slot = json_slot

    def read(self, request: Request) -> BatchBody:
        """Read a body; the caller closes its parts.

        Raises:
            LengthRequired, BodyTooLarge, UnsupportedMediaType, MalformedBody: as its type requires.
            InvalidField, UnknownField: the batch itself is invalid; faults of items are reported
            with each item later.
        """
        length, parts = get_length(request), Parts()
        try:
            document = self._read_document(request, length, parts)
            return BatchBody(_parse(document), parts, _fingerprint(document, parts))
        except BaseException:
            parts.close()
            raise

    def _read_document(self, request: Request, length: int, parts: Parts) -> dict[str, Any]:
        if request.mimetype == "multipart/form-data":
            return parse_object(self._read_form(request, length, parts))
        if request.mimetype == "application/json":
            check_length(length, self._settings.max_json_body_bytes, "batch")
            with self._json_slot(length):
                return parse_object(read_whole(request, length))
        raise UnsupportedMediaType("the body must be multipart/form-data or application/json")

    def _read_form(self, request: Request, length: int, parts: Parts) -> bytes:
        check_length(length, self._settings.max_batch_body_bytes, "batch")
        request.max_content_length = self._settings.max_batch_body_bytes
        form = _Form(parts, self._settings.max_part_bytes)
        split_parts(request.stream, find_boundary(request), form.open_part, MAX_BATCH_PARTS)
        if form.text is None:
            raise InvalidField(f"the part {BATCH_PART!r} with the list of items is required")
        return bytes(form.text)


def _parse(document: dict[str, Any]) -> BatchRequest:
    found, faults = parse_fields(BatchRequest, Fields(document, False))
    if found is None:
        raise_faults(faults)
        raise ValueError("a batch that is none has faults")
    return found


def _fingerprint(document: dict[str, Any], parts: Parts) -> str:
    text = json.dumps(["/batches", document, parts.digests()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
