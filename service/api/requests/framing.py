"""The length of a body, and the boundary of its parts: what every reader needs first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Protocol

from flask import Request

from service.contract.errors import BodyTooLarge, LengthRequired, MalformedBody, StoreUnavailable

CHUNK_BYTES = 64 * 1024
MEMORY_BYTES = 64 * 1024
"""A chunked body that is longer lies in a temporary file until its length is known."""


class ByteStream(Protocol):
    """A body that is read piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; none at its end."""


class _ChunkedStream:
    """A body without Content-Length, whose limit is checked while it is read."""

    def __init__(self, stream: IO[bytes], limit: int, what: str) -> None:
        self._stream, self._limit, self._what = stream, limit, what
        self._left = limit

    def read(self, size: int = -1, /) -> bytes:
        # No more than a piece: whether the chunks are too many is checked between pieces.
        data = self._stream.read(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._limit, self._what)
        return data


def open_body(request: Request, limit: int, what: str = "body") -> ByteStream:
    """Return the stream of a body that may have at most so many bytes.

    Args:
        request: the request.
        limit: of its type; a chunked body that is longer is refused while it is read.
        what: what it is called in refusals.

    Raises:
        LengthRequired: it has neither a Content-Length nor chunks.
        BodyTooLarge: it has more bytes.
    """
    length = request.content_length
    if length is None:
        _check_chunked(request)
        return _ChunkedStream(request.environ["wsgi.input"], limit, what)
    if length > limit:
        raise _too_large(limit, what)
    request.max_content_length = limit
    return request.stream


@contextmanager
def hold_body(
    request: Request,
    limit: int,
    hold: Callable[[int], AbstractContextManager[None]],
    what: str = "body",
) -> Iterator[bytes]:
    """Read a whole body into memory, which is held while the block runs.

    Args:
        request: the request.
        limit: the largest length in bytes.
        hold: holds memory for a body of a length.
        what: what it is called in refusals.

    Raises:
        LengthRequired, BodyTooLarge: as `open_body`.
        MalformedBody: it is shorter than its Content-Length.
        StoreUnavailable: there is no space for temporary files.
    """
    stream, length = open_body(request, limit, what), request.content_length
    if length is not None:
        with hold(length):
            data = stream.read()
            if len(data) != length:
                raise MalformedBody("the body is shorter than its Content-Length")
            yield data
        return
    with tempfile.SpooledTemporaryFile(MEMORY_BYTES) as file:
        length = _spool(stream, file)
        with hold(length):
            yield file.read()


def find_boundary(request: Request) -> str:
    """Return the boundary of a multipart body.

    Raises:
        MalformedBody: its Content-Type has none.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise MalformedBody("the Content-Type of a multipart body must contain its boundary")
    return boundary


def _check_chunked(request: Request) -> None:
    """Check that a body without a length ends by itself, as gunicorn says of chunked ones."""
    coding = request.environ.get("HTTP_TRANSFER_ENCODING", "").strip().lower()
    if coding != "chunked" or not request.environ.get("wsgi.input_terminated"):
        raise LengthRequired("send the body with Content-Length, or chunked")


def _spool(stream: ByteStream, file: tempfile.SpooledTemporaryFile[bytes]) -> int:
    """Copy a body into a file, and return its length."""
    length = 0
    try:
        while data := stream.read(CHUNK_BYTES):
            length += file.write(data)
        file.seek(0)
    except OSError as error:
        raise StoreUnavailable("there is no space for temporary files; retry") from error
    return length


def _too_large(limit: int, what: str) -> BodyTooLarge:
    return BodyTooLarge(f"a {what} of this type may have at most {limit} bytes")
