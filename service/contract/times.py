"""Times in documents: UTC, always with milliseconds, so that texts sort and compare as times do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema

_UTC_OFFSET = "+00:00"


def write_timestamp(at: datetime) -> str:
    """Return a time as `2026-01-31T09:00:00.000Z`."""
    text = at.isoformat(timespec="milliseconds")
    if not text.endswith(_UTC_OFFSET):
        text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{text.removesuffix(_UTC_OFFSET)}Z"


Timestamp = Annotated[
    datetime,
    PlainSerializer(write_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A time of which JSON has milliseconds; pydantic alone leaves them out at full seconds."""
