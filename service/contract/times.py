"""Times in documents: UTC, always with milliseconds, so that texts sort and compare as times do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema


def write_timestamp(at: datetime) -> str:
    """Return a time as `2026-01-31T09:00:00.000Z`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


Timestamp = Annotated[
    datetime,
    PlainSerializer(write_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A time of which JSON has milliseconds; pydantic alone leaves them out at full seconds."""
