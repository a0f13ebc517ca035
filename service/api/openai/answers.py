"""Responses of the façade, in the format of OpenAI's API."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, RootModel

from service.api.openai.form import AUTO, WEIGHT_FREE, their_name
from service.contract.catalogue import Catalogue
from service.documents.schemas import Answer, Problem

NO_RETRY = "x-should-retry"
"""Header that tells OpenAI's clients whether to retry."""

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class FacadeError(Answer):
    """The error of a refused request.

    Attributes:
        param: the first invalid field.
        code: the same code as in a problem document.
    """

    message: str
    type: str
    param: str | None
    code: str


class FacadeProblem(Answer):
    """The body of every error response."""

    error: FacadeError


class EditedImage(Answer):
    """One picture: in the response itself, or its URL."""

    b64_json: str | None = None
    url: str | None = None


class TokenDetails(Answer):
    """Always zero: this service counts no tokens."""

    image_tokens: int = 0
    text_tokens: int = 0


class Usage(Answer):
    """Always zero: this service counts no tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: TokenDetails = TokenDetails()


class EditsAnswer(Answer):
    """The pictures. The `Location` header has the URL of their job, with its proof."""

    created: int = Field(description="When the job ended, in seconds since 1970.")
    background: str = "auto"
    output_format: str
    quality: str
    size: str
    usage: Usage = Usage()
    data: tuple[EditedImage, ...] = ()


class PartialImage(Answer):
    """The data of an event with a preview, a small JPEG."""

    type: Literal["image_edit.partial_image"] = "image_edit.partial_image"
    partial_image_index: int
    created_at: int = Field(description="When it was sent, in seconds since 1970.")
    background: str
    output_format: str = "jpeg"
    quality: str
    size: str
    b64_json: str


class CompletedImage(Answer):
    """The data of an event with one of the pictures, the last kind of event."""

    type: Literal["image_edit.completed"] = "image_edit.completed"
    created_at: int = Field(description="When the job ended, in seconds since 1970.")
    background: str
    output_format: str
    quality: str
    size: str
    usage: Usage = Usage()
    b64_json: str


class EditEvent(RootModel[Annotated[PartialImage | CompletedImage, Field(discriminator="type")]]):
    """The data of one event."""


class FacadeModel(Answer):
    """A value of `model`."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "paintjob"


class FacadeModels(Answer):
    """The values of `model`."""

    object: Literal["list"] = "list"
    data: list[FacadeModel]


def list_models(catalogue: Catalogue, aliases: Iterable[str] = ()) -> FacadeModels:
    """Return the values of `model` in this deployment.

    Args:
        catalogue: the models.
        aliases: further names.
    """
    names = [AUTO, WEIGHT_FREE]
    names += [entry.name for entry in catalogue.models if catalogue.allows(entry)]
    return FacadeModels(data=[FacadeModel(id=name) for name in dict.fromkeys([*names, *aliases])])


def translate_problem(problem: Problem) -> tuple[FacadeProblem, int]:
    """Return a problem in OpenAI's format, and its status."""
    messages = [
        ": ".join(filter(None, [their_name(fault.pointer), fault.message]))
        for fault in problem.errors
    ]
    allowed = next((fault.allowed for fault in problem.errors if fault.allowed), None)
    has_all = len(messages) == 1 and problem.detail.endswith(problem.errors[0].message)
    message = "; ".join(messages if has_all else [problem.detail, *messages])
    if allowed is not None:
        message += f" (allowed: {', '.join(allowed)})"
    pointers = (their_name(fault.pointer) for fault in problem.errors)
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    error = FacadeError(
        message=message,
        type=_TYPES.get(problem.status, kind),
        param=next((pointer for pointer in pointers if pointer), None),
        code=problem.code,
    )
    return FacadeProblem(error=error), facade_status(problem.status)


def facade_status(status: int) -> int:
    """Return the status that OpenAI's clients expect: 400 for an invalid field."""
    return 400 if status == 422 else status


def measure_base64(answer: EditsAnswer, sizes: Iterable[int]) -> int:
    """Return the number of bytes that `stream_base64` yields.

    Args:
        answer: everything except the pictures.
        sizes: the sizes of the pictures' files in bytes.
    """
    head, tail = _split(answer)
    pictures = [len(_BEFORE) + 4 * -(-size // 3) + len(_AFTER) for size in sizes]
    return len(head) + sum(pictures) + len(pictures) - 1 + len(tail)


def stream_base64(
    answer: EditsAnswer, pictures: Iterable[Callable[[], Iterator[bytes]]]
) -> Iterator[bytes]:
    """Yield the response with its pictures, piece by piece, so that none is in memory as a whole.

    Args:
        answer: everything except the pictures.
        pictures: functions that open the pictures' files, each called when its turn comes.
    """
    head, tail = _split(answer)
    yield head
    for index, open_picture in enumerate(pictures):
        yield _BEFORE if index == 0 else b"," + _BEFORE
        yield from _encode(open_picture())
        yield _AFTER
    yield tail


_BEFORE = b'{"b64_json":"'
_AFTER = b'","url":null}'


def _split(answer: EditsAnswer) -> tuple[bytes, bytes]:
    """Return the bytes before the pictures, and those after them."""
    document = answer.model_dump(exclude={"data"})
    head = json.dumps(document, separators=(",", ":"))[:-1] + ',"data":['
    return head.encode(), b"]}"


def stream_completed(event: CompletedImage, picture: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the event with one of the pictures, piece by piece.

    Args:
        event: everything except the picture.
        picture: its file.
    """
    # At the end of the document, where the picture goes.
    document = event.model_copy(update={"b64_json": ""}).model_dump_json()
    yield f"event: {event.type}\ndata: ".encode() + document.removesuffix('"}').encode()
    yield from _encode(picture)
    yield b'"}\n\n'


def write_event(name: str, data: Answer) -> bytes:
    """Return a small event; JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n".encode()


def _encode(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the base64 of chunks; three bytes make four characters, so remainders carry over."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % 3
        rest = data[whole:]
        yield base64.b64encode(memoryview(data)[:whole])
    yield base64.b64encode(rest)
