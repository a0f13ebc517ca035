"""Chunked bodies: what breaks their coding, and what it may cost beside the body itself.

gunicorn bounds each line of the coding, but not how many chunks there are: a body of single bytes
would take six times its length, and a hundred times the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gunicorn.http.body import ChunkedReader  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from service.contract.errors import MalformedBody
from service.serving.connections import PacedSocket

FREE_BYTES = 64 * 1024
BODY_PER_CODING = 64
"""The coding may take 64 kB, and a byte for every 64 of the body: chunks of some 400 bytes."""


def bound_chunks(request: Any, sock: PacedSocket) -> None:
    """Make reading a request's chunked body raise `MalformedBody` for what is wrong with it.

    Args:
        request: gunicorn's, before its body is read.
        sock: its connection.
    """
    reader = request.body.reader
    if isinstance(reader, ChunkedReader) and reader.parser:
        reader.parser = _bound(reader.parser, request, sock)


def _bound(pieces: Iterator[bytes], request: Any, sock: PacedSocket) -> Iterator[bytes]:
    taken = 0
    try:
        for piece in pieces:
            taken += len(piece)
            if sock.received_bytes - taken > FREE_BYTES + taken // BODY_PER_CODING:
                raise MalformedBody("the chunks of the body are too small; send larger ones")
            yield piece
    except (MalformedBody, ParseException, OSError) as error:
        # Otherwise the rest would be read as the next request.
        request.force_close()
        if isinstance(error, MalformedBody):
            raise
        raise MalformedBody("the chunked body is malformed or truncated") from error
