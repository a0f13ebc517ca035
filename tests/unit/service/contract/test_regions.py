"""Rules of regions that are to be found."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from service.contract.finders import FinderQuery
from service.contract.params import InpaintParams
from service.contract.regions import Region


@pytest.mark.parametrize(
    ("region", "query"),
    [
        ({"find": "text"}, "text"),
        ({"find": "subject"}, "subject"),
        ({"find": "background"}, "background"),
        ({"find": "Text"}, "words"),
        ({"point": [1, 2]}, "points"),
        ({"points": [[1, 2], [3, 4]], "labels": [0, 1]}, "points"),
        ({"box": [0, 0, 2, 2], "refine": True}, "box"),
        ({"box": [0, 0, 2, 2], "refine": False}, None),
        ({"polygon": [[0, 0], [2, 0], [2, 2]], "subtract": True}, None),
    ],
)
def test_query_of_a_region(region: dict[str, Any], query: FinderQuery | None) -> None:
    assert Region.model_validate(region).query == query


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"find": "text", "box": [0, 0, 1, 1]}, "exactly one of box, polygon, rle, find"),
        ({"find": " "}, "words for what to find"),
        ({"find": "text", "refine": True}, "refine belongs to a box"),
        ({"points": [[1, 2]], "labels": [1, 0]}, "one label for each"),
        ({"point": [1, 2], "labels": [1]}, "one label for each"),
        ({"points": [[1, 2]], "labels": [0]}, "at least one point must belong"),
        ({"box": [0, 0, 2, 2], "grow": 2}, "grow belongs to what is found"),
        ({"box": [0, 0, 2, 2], "min_score": 0.5}, "min_score belongs to what is found"),
    ],
)
def test_region_is_refused_when(region: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Region.model_validate(region)


def test_regions_are_refused_when_nothing_is_before_what_is_subtracted() -> None:
    with pytest.raises(ValidationError, match="first add one"):
        InpaintParams.model_validate({"regions": [{"find": "text", "subtract": True}]})


def test_regions_are_refused_when_too_many_are_to_be_found() -> None:
    with pytest.raises(ValidationError, match="16 regions that are to be found"):
        InpaintParams.model_validate({"regions": [{"find": "text"}] * 17})
