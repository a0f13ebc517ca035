"""JSON bodies: strict, small, with pictures as base64, as data URLs or by reference."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from service.api.requests.fields import MAX_FIELD_BYTES, Fields
from service.api.requests.json_text import JsonRefused, parse_json
from service.api.requests.references import MASK_SOURCE, Sources, read_picture
from service.contract.errors import (
    BodyTooLarge,
    Fault,
    InvalidInput,
    MalformedBody,
    UnsupportedMediaType,
)
from service.contract.faults import fault_of
from service.submission.intake import Intake, StoredPicture

MAX_VALUES = 500_000
"""Limit for the values of a JSON text; a hundred thousand vertices are 300,000."""


Arrange = Callable[[dict[str, Any]], list[Fault]]
"""Changes an object that was parsed before its pictures are read, and returns its faults."""


def read_json(
    body: bytes,
    intake: Intake,
    pictures: Collection[str],
    sources: Sources,
    arrange: Arrange = lambda document: [],
) -> Fields:
    """Read a JSON body, except for the pictures that it refers to: see `take_named`.

    Args:
        body: the whole body.
        intake: receives the pictures.
        pictures: names of the members that are pictures.
        sources: open pictures that the body refers to.
        arrange: brings the object of another API into the form of ours.

    Raises:
        MalformedBody: it is not a JSON object.
        BodyTooLarge: a decoded picture is too large, or the other members are.
    """
    document = parse_object(body)
    faults = arrange(document)
    texts = [document[name] for name in pictures if isinstance(document.get(name), str)]
    _check_fields(len(body) - sum(map(len, texts)))
    embedded = [name for name in pictures if not isinstance(document.get(name), dict)]
    found = take_pictures(document, intake, embedded, sources)
    return replace(found, faults=(*faults, *found.faults))


def take_named(
    fields: Fields, intake: Intake, pictures: Collection[str], sources: Sources
) -> Fields:
    """Move the pictures that a body refers to into the intake; return the other fields.

    Separate from the body's own pictures, because fetching may take long, and those are large.
    """
    found = take_pictures(dict(fields.document), intake, pictures, sources)
    return Fields(found.document, fields.is_text, (*fields.faults, *found.faults))


def take_pictures(
    document: dict[str, Any], intake: Intake, pictures: Collection[str], sources: Sources
) -> Fields:
    """Move the pictures of an object into the intake; return the other fields.

    Args:
        document: the object; its pictures are removed.
        intake: receives the pictures.
        pictures: names of the members that are pictures.
        sources: open pictures that the object refers to.

    Raises:
        BodyTooLarge: a picture is too large.
    """
    named = [name for name in pictures if name in document]
    # A picture that is present but unusable must not be reported as missing too.
    found = [_take_picture(name, document.pop(name), intake, sources) for name in named]
    return Fields(document, False, tuple(fault for fault in found if fault is not None))


def _take_picture(name: str, value: Any, intake: Intake, sources: Sources) -> Fault | None:
    """Move one picture into the intake, or return the fault."""
    if "mask" not in name:
        sources = {word: open_one for word, open_one in sources.items() if word != MASK_SOURCE}
    try:
        pieces = read_picture(value, sources)
    except ValueError as error:
        return Fault(f"/{name}", "invalid_field", str(error))
    except InvalidInput as error:
        return fault_of(f"/{name}", error)
    if isinstance(pieces, StoredPicture):
        intake.add_stored(name, pieces.path, pieces.bytes, pieces.sha256)
        return None
    picture = intake.open_picture(name)
    try:
        for piece in pieces:
            picture.write(piece)
    except (InvalidInput, UnsupportedMediaType) as error:
        intake.drop_picture(name)
        return fault_of(f"/{name}", error)
    picture.finish()
    return None


def count_values(body: bytes) -> int:
    """Return about how many values a JSON text has, without parsing it.

    Base64 has none of the characters that are counted, so a picture does not count.
    """
    return sum(body.count(character) for character in b",[{")


def _check_fields(size: int) -> None:
    if size > MAX_FIELD_BYTES:
        raise BodyTooLarge(f"the fields are larger than {MAX_FIELD_BYTES} bytes together")


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object: UTF-8, no NaN, no infinity, no name twice; 3.0 counts as an integer.

    Raises:
        MalformedBody: it is anything else.
        BodyTooLarge: it has too many values.
    """
    if count_values(body) > MAX_VALUES:
        # Refused before it is parsed: each value takes up to a hundred bytes.
        raise BodyTooLarge(f"the JSON has more than {MAX_VALUES} values; send fewer")
    try:
        document = parse_json(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedBody("the JSON is not UTF-8") from error
    except JsonRefused as error:
        raise MalformedBody(f"the JSON {error}") from error
    if not isinstance(document, dict):
        raise MalformedBody("the JSON must be an object")
    return document
