"""How long a body is, and where its parts are divided: what every reader looks at first."""

from __future__ import annotations

from flask import Request

from service.contract.errors import BodyTooLarge, LengthRequired, MalformedBody


def get_length(request: Request) -> int:
    """Give the length of a body in bytes, as its Content-Length says.

    Raises:
        LengthRequired: the body came without it.
    """
    if request.content_length is None:
        raise LengthRequired("send the body with Content-Length, not chunked")
    return request.content_length


def check_length(length: int, limit: int, what: str = "body") -> None:
    """Check that a body is not longer than its type may be, in bytes.

    Raises:
        BodyTooLarge: it is.
    """
    if length > limit:
        raise BodyTooLarge(f"a {what} of this type may have {limit} bytes")


def read_whole(request: Request, length: int) -> bytes:
    """Read a body into memory.

    Raises:
        MalformedBody: it is shorter than its Content-Length.
    """
    data = request.stream.read()
    if len(data) != length:
        raise MalformedBody("the body is shorter than its Content-Length")
    return data


def find_boundary(request: Request) -> str:
    """Give the boundary of a multipart body.

    Raises:
        MalformedBody: its Content-Type names none.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise MalformedBody("the Content-Type of a multipart body must name its boundary")
    return boundary
