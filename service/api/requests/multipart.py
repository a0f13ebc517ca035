"""Multipart bodies, part by part: pictures go directly to the intake, fields to memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    State,
)

from service.api.requests.fields import (
    MAX_FIELD_BYTES,
    MAX_SHOWN_NAME,
    MAX_SUGGESTIONS,
    Fields,
)
from service.api.requests.framing import CHUNK_BYTES, ByteStream
from service.api.requests.json_body import parse_object
from service.contract.errors import BodyTooLarge, Fault, MalformedBody
from service.contract.faults import describe_unknown
from service.submission.intake import Intake

MAX_HEAD_BYTES = 16 * 1024
"""Limit for the headers of a part."""

MAX_HEADS_BYTES = 1024 * 1024
"""Limit for the headers of all parts together, which are parsed line by line."""

MAX_BUFFER_BYTES = 500_000
"""Limit for what the decoder buffers, at least a chunk of a file."""

MAX_PARTS = 64
PARAMS_PART = "params"

OpenPart = Callable[[Field | File], Callable[[bytes], Any]]
"""Takes the head of a part, returns the function that writes its bytes."""
_HEADS = frozenset({State.PREAMBLE, State.PART})
"""States in which the decoder buffers what it cannot yet parse."""

_NOTHING: Mapping[str, str] = {}


@dataclass
class _Form:
    """The parts that were read so far."""

    intake: Intake
    pictures: Collection[str]
    renamed: Mapping[str, str]
    texts: dict[str, bytearray] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    field_bytes: int = 0

    def open_part(self, part: Field | File) -> Callable[[bytes], None]:
        """Return the function that writes the bytes of a part."""
        name = self.renamed.get(part.name, part.name) if part.name is not None else None
        if name is None:
            raise MalformedBody("a part of the multipart body has no name")
        shown = name[:MAX_SHOWN_NAME].replace("~", "~0").replace("/", "~1")
        if name in self.texts or name in self.intake.pictures:
            more = "; one picture is taken" if name in self.pictures else ""
            message = f"was sent more than once{more}"
            self.faults.append(Fault(f"/{shown}", "conflicting_fields", message))
            return _drop
        if name in self.pictures:
            return self._open_picture(name, part)
        if isinstance(part, File) and name != PARAMS_PART:
            self.faults.append(Fault(f"/{shown}", "unknown_field", self._describe_unknown(name)))
            return _drop
        return self._keep(name)

    def _describe_unknown(self, name: str) -> str:
        if len(self.faults) < MAX_SUGGESTIONS:
            return describe_unknown(name, self.pictures)
        return describe_unknown("", ())

    def _open_picture(self, name: str, part: Field | File) -> Callable[[bytes], Any]:
        if isinstance(part, File) and part.filename:
            return self.intake.open_picture(name).write
        # What a browser sends for a file input without a file is no picture, unless bytes come.
        write: Callable[[bytes], Any] | None = None

        def open_late(data: bytes) -> None:
            nonlocal write
            write = write or self.intake.open_picture(name).write
            write(data)

        return open_late

    def _keep(self, name: str) -> Callable[[bytes], None]:
        text = self.texts.setdefault(name, bytearray())

        def write(data: bytes) -> None:
            self.field_bytes += len(data)
            if self.field_bytes > MAX_FIELD_BYTES:
                raise BodyTooLarge(f"the fields are larger than {MAX_FIELD_BYTES} bytes together")
            text.extend(data)

        return write

    def close(self) -> Fields:
        """Return the fields, at the end of the body."""
        for picture in self.intake.pictures.values():
            picture.finish()
        texts = {name: data.decode() for name, data in self.texts.items()}
        params = texts.pop(PARAMS_PART, None)
        if params is None:
            return Fields(texts, True, tuple(self.faults))
        if texts:
            message = "send either form fields or one params part, not both"
            self.faults.append(Fault("/params", "conflicting_fields", message))
        return Fields(parse_object(params.encode()), False, tuple(self.faults))


def read_multipart(
    stream: ByteStream,
    boundary: str,
    intake: Intake,
    pictures: Collection[str],
    renamed: Mapping[str, str] = _NOTHING,
) -> Fields:
    """Read a multipart body.

    Args:
        stream: the body, already limited in length.
        boundary: the boundary in the Content-Type.
        intake: receives the pictures.
        pictures: names of the fields with pictures, with or without a file name.
        renamed: other names of fields, and the fields that they stand for.

    Raises:
        MalformedBody: the multipart body is malformed.
        BodyTooLarge: it has too many parts, or one is too large.
    """
    form = _Form(intake, pictures, renamed)
    try:
        split_parts(stream, boundary, form.open_part)
        return form.close()
    except ValueError as error:
        raise MalformedBody("the multipart body is malformed or truncated") from error


def split_parts(
    stream: ByteStream, boundary: str, open_part: OpenPart, max_parts: int = MAX_PARTS
) -> None:
    """Read a multipart body to its end.

    Args:
        stream: the body, already limited in length.
        boundary: the boundary in the Content-Type.
        open_part: returns the function that writes the bytes of a part.
        max_parts: limit for the number of parts.

    Raises:
        MalformedBody: the multipart body is malformed.
        BodyTooLarge: it has too many parts.
    """
    try:
        delimiter = boundary.encode("ascii")
        decoder = MultipartDecoder(
            delimiter, max_form_memory_size=MAX_BUFFER_BYTES, max_parts=max_parts
        )
        _feed(decoder, _iter_pieces(stream, b"\r\n--" + delimiter, max_parts), open_part)
    except RequestEntityTooLarge:
        message = (
            f"a body may have {max_parts} parts, a part {MAX_HEAD_BYTES} bytes of headers, and all "
            f"parts {MAX_HEADS_BYTES}"
        )
        raise BodyTooLarge(message) from None
    except ValueError as error:
        raise MalformedBody("the multipart body is malformed or truncated") from error


def _iter_pieces(stream: ByteStream, delimiter: bytes, cuts: int) -> Iterator[bytes | None]:
    """Yield a body piece by piece, and `None` at its end.

    Pieces end before delimiters, because the decoder searches for one by a regular expression from
    the start of its buffer: otherwise a part of 50 kB takes five times as long.

    Args:
        stream: the body.
        delimiter: the delimiter between parts, including its line break.
        cuts: the largest number of cuts; a body with more delimiters is refused anyway.
    """
    while chunk := stream.read(CHUNK_BYTES):
        first, *others = chunk.split(delimiter, cuts)
        cuts -= len(others)
        yield first
        for other in others:
            yield delimiter + other
    yield None


def _feed(decoder: MultipartDecoder, pieces: Iterable[bytes | None], open_part: OpenPart) -> None:
    write: Callable[[bytes], Any] = _drop
    heads = 0
    for piece in pieces:
        decoder.receive_data(piece)
        event = decoder.next_event()
        while not isinstance(event, NeedData):
            if isinstance(event, Epilogue):
                return
            if isinstance(event, Field | File):
                heads += _check_head(event)
                if heads > MAX_HEADS_BYTES:
                    raise RequestEntityTooLarge
                write = open_part(event)
            elif isinstance(event, Data) and event.data:
                write(event.data)
            event = decoder.next_event()
        if decoder.state in _HEADS and len(decoder.buffer) > MAX_HEAD_BYTES:
            raise RequestEntityTooLarge


def _check_head(part: Field | File) -> int:
    """Return the length of a part's headers.

    Raises:
        RequestEntityTooLarge: it is above the limit.
    """
    length = sum(len(name) + len(value) for name, value in part.headers)
    if length > MAX_HEAD_BYTES:
        raise RequestEntityTooLarge
    return length


def _drop(data: bytes) -> None:
    """Discard the bytes of a part that is refused."""
