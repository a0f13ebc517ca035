from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import BaseModel

from service.contract.times import Timestamp


class _Document(BaseModel):
    at: Timestamp | None


@pytest.mark.parametrize(
    ("microseconds", "written"), [(0, "09:00:00.000Z"), (7_000, "09:00:00.007Z")]
)
def test_timestamp_always_has_milliseconds(microseconds: int, written: str) -> None:
    at = datetime(2026, 1, 31, 9, 0, 0, microseconds, tzinfo=UTC)
    for same in (at, at.astimezone(timezone(timedelta(hours=2)))):
        assert _Document(at=same).model_dump_json() == f'{{"at":"2026-01-31T{written}"}}'
    assert _Document(at=None).model_dump_json() == '{"at":null}'
    assert _Document.model_json_schema(mode="serialization")["properties"]["at"]["anyOf"][0] == {
        "type": "string",
        "format": "date-time",
    }
