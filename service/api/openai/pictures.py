"""The pictures of a request to `POST /v1/images/edits`: in a form or in JSON, under any name.

Source: OpenAI's API reference, Images, Create image edit; the servers SGLang and vLLM-Omni, which
take the same call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from flask import Request

from service.api.openai.form import MaskKind
from service.api.requests.fields import Fields
from service.api.requests.json_body import read_json, take_named
from service.api.requests.reader import BodyReader
from service.api.requests.references import Sources
from service.contract.errors import Fault
from service.submission.intake import Intake

WHITE_MASK: Final = "mask_image"
"""A mask that is repainted where it is white, as self-hosted servers name it."""

REFERENCE: Final = "reference_image"

PICTURES: Final = ("image", "mask", WHITE_MASK, REFERENCE)

_IMAGES: Final = ("images", "image", "url")
"""Members of JSON that may have the image."""

IMAGE_POINTERS: Final = frozenset(f"/{name}" for name in _IMAGES)

RENAMED: Final[Mapping[str, str]] = {"image[]": "image", "url[]": "url"}
"""The names of fields in clients that can send several."""


def read_fields(request: Request, reader: BodyReader, intake: Intake, sources: Sources) -> Fields:
    """Move a request's pictures into the intake; return its other fields.

    Raises:
        PaintjobError: the body cannot be read; as `BodyReader.read`.
    """
    if request.mimetype == "application/json":
        with reader.hold_json(request) as body:
            fields = read_json(body, intake, PICTURES, sources, _arrange)
    else:
        fields = _take_url(reader.read_form(request, intake, PICTURES, RENAMED))
    return take_named(fields, intake, PICTURES, sources)


def find_mask(intake: Intake, faults: list[Fault]) -> MaskKind:
    """Return the kind of the mask that was sent, under the name `mask` from now on.

    Args:
        intake: has the pictures.
        faults: of the pictures; one more is added if two masks were sent.
    """
    unusable = {fault.pointer for fault in faults}
    kinds: dict[str, MaskKind] = {"mask": "clear", WHITE_MASK: "white"}
    sent = [name for name in kinds if name in intake.pictures or f"/{name}" in unusable]
    if len(sent) > 1:
        message = "excludes mask; send one of them"
        faults.append(Fault(f"/{WHITE_MASK}", "conflicting_fields", message))
        intake.pictures.pop(WHITE_MASK, None)
        return "clear"
    if WHITE_MASK in intake.pictures:
        intake.pictures["mask"] = intake.pictures.pop(WHITE_MASK)
    return kinds[sent[0]] if sent else None


def _take_url(fields: Fields) -> Fields:
    """Rename a form's `url` to a picture by reference, or by data URL."""
    if "url" not in fields.document:
        return fields
    document = dict(fields.document)
    value = _refer(document.pop("url"))
    if "image" in document:
        return fields
    return replace(fields, document={**document, "image": value})


def _arrange(document: dict[str, Any]) -> list[Fault]:
    """Rename the pictures of OpenAI's JSON to those of ours, and drop what is null."""
    for name in [name for name, value in document.items() if value is None]:
        del document[name]
    faults = _arrange_image(document)
    for name in ("mask", WHITE_MASK, REFERENCE):
        if name in document:
            faults += _put_picture(document, name, document.pop(name), name)
    return faults


def _arrange_image(document: dict[str, Any]) -> list[Fault]:
    """Find the one image: of `images`, `image` or `url`, each of them perhaps a list."""
    given = [name for name in _IMAGES if name in document]
    if not given:
        return []
    found = [(name, document.pop(name)) for name in given]
    items = [(name, item) for name, value in found for item in _list(name, value)]
    if len(items) != 1:
        name = items[1][0] if items else given[0]
        return [Fault(f"/{name}", "invalid_field", "must be one picture, and the only one")]
    ((name, item),) = items
    return _put_picture(document, "image", item, name)


def _list(name: str, value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if name == "images" else [value]


def _put_picture(document: dict[str, Any], name: str, value: Any, sent: str) -> list[Fault]:
    """Put a picture into the object, out of an object such as `{"image_url": …}`; return faults.

    Args:
        document: the object.
        name: of the picture in it.
        value: the picture as sent.
        sent: the name under which it was sent.
    """
    if isinstance(value, dict) and "file_id" in value:
        message = "no files are kept here by id; send image_url, or an upload"
        return [Fault(f"/{sent}", "parameter_not_supported", message)]
    if isinstance(value, dict) and set(value) == {"image_url"}:
        value = value["image_url"]
    document[name] = _refer(value) if isinstance(value, str) else value
    return []


def _refer(text: str) -> str | dict[str, str]:
    """Return a reference for the URL of another host, and base64 and data URLs as they are."""
    is_url = text[:8].lower().startswith(("http://", "https://"))
    return {"url": text} if is_url else text
