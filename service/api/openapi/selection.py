"""The document with one kind of body a call, for generators that mix up two."""

from __future__ import annotations

from typing import Any, Literal

BodyKind = Literal["form", "json"]

_MEDIA_TYPES: dict[BodyKind, str] = {"form": "multipart/form-data", "json": "application/json"}


def select_bodies(document: dict[str, Any], kind: BodyKind) -> None:
    """Leave only this kind of body to each call that has it, in place.

    Forms with parts of any name stay beside their JSON: generators cannot write them.
    """
    media_type = _MEDIA_TYPES[kind]
    for verbs in document["paths"].values():
        for operation in verbs.values():
            body = operation.get("requestBody", {"content": {}})
            chosen = body["content"].get(media_type)
            if chosen and not chosen["schema"].get("additionalProperties"):
                body["content"] = {media_type: chosen}
