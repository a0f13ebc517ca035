"""The length of a body, and the boundary of its parts: what every reader needs first."""

from __future__ import annotations

from flask import Request

from service.contract.errors import BodyTooLarge, LengthRequired, MalformedBody


def get_length(request: Request) -> int:
    """Return the length of a body in bytes, from its Content-Length.

    Raises:
        LengthRequired: the header is missing.
    """
    if request.content_length is None:
        raise LengthRequired("send the body with Content-Length, not chunked")
    return request.content_length


def check_length(length: int, limit: int, what: str = "body") -> None:
    """Check that a body does not exceed the limit of its type in bytes, and raise if it does.

    Raises:
        BodyTooLarge: it does.
    """
    if length > limit:
        raise BodyTooLarge(f"a {what} of this type may have at most {limit} bytes")


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
    """Return the boundary of a multipart body.

    Raises:
        MalformedBody: its Content-Type has none.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise MalformedBody("the Content-Type of a multipart body must contain its boundary")
    return boundary
