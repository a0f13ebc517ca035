"""Regions: the white of a mask as boxes, polygons and run-lengths instead of a picture."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

MAX_REGIONS = 1000
MAX_VERTICES = 10_000
"""Limit for the vertices of one ring."""

MAX_NUMBERS = 100_000
"""Limit for the vertices and runs of all regions together."""

MAX_RUN = 2**31 - 1
MAX_TEXT = 7 * MAX_NUMBERS
"""Limit for compressed runs: COCO writes none of them with more than seven characters."""

MAX_COORDINATE = 65_536

# Lists report their first fault only: a hundred thousand take seconds to collect.
Coordinate = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2)]
Ring = Annotated[list[Point], Field(min_length=3, max_length=MAX_VERTICES, fail_fast=True)]
Run = Annotated[int, Field(ge=0, le=MAX_RUN)]
Runs = Annotated[list[Run], Field(min_length=1, max_length=MAX_NUMBERS, fail_fast=True)]
RunText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


def _find_kind(counts: object) -> str:
    """Choose the one rule whose faults are reported."""
    return "text" if isinstance(counts, str) else "runs"


def _leave_type_open(schema: dict[str, Any]) -> None:
    """Remove the choice of types: for a list or a text, generators of Java write broken code."""
    schema.pop("oneOf")


class RunLengths(BaseModel):
    """A mask in COCO's run-lengths: runs of 0 and 1 in turn, column by column, from 0.

    Source: https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c
    """

    # Strict, because in a form they are JSON text, where "1" is not a number.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: list[int] = Field(
        min_length=2, max_length=2, description="Height and width of the picture."
    )
    counts: Annotated[Runs, Tag("runs")] | Annotated[RunText, Tag("text")] = Field(
        discriminator=Discriminator(_find_kind),
        description="Lengths of the runs as a list of integers, or COCO's compressed text of them.",
        json_schema_extra=_leave_type_open,
    )


class Region(BaseModel):
    """One region: exactly one of `box`, `polygon` and `rle`. Pixels count from the top left.

    Coordinates refer to the upright picture, after its EXIF orientation is applied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    box: list[Coordinate] | None = Field(
        None,
        min_length=4,
        max_length=4,
        description="left, top, right, bottom, which may be fractions. A pixel belongs to it when "
        "its center does, so that of whole numbers right and bottom lie outside. Parts outside "
        "the picture are cut, which causes the warning `region_clipped`.",
    )
    polygon: Ring | None = Field(
        None,
        description="Vertices [x, y] of the outline. A pixel belongs to it when its center does; "
        "the center of the first pixel is [0.5, 0.5]. An outline that crosses itself is filled by "
        "the even-odd rule. Parts outside the picture are cut, with the same warning.",
    )
    holes: list[Ring] | None = Field(
        None,
        min_length=1,
        max_length=MAX_REGIONS,
        fail_fast=True,
        description="Outlines of holes in the `polygon`: a pixel belongs to the polygon when its "
        "center lies in the outline and in no hole.",
    )
    rle: RunLengths | None = Field(None, description="Run-lengths in COCO's format.")

    @field_validator("box")
    @classmethod
    def _has_an_area(cls, box: list[float] | None) -> list[float] | None:
        if box is not None and (box[0] >= box[2] or box[1] >= box[3]):
            raise ValueError("must be left, top, right, bottom with left < right and top < bottom")
        return box

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Region:
        shapes = [name for name in ("box", "polygon", "rle") if getattr(self, name) is not None]
        if len(shapes) != 1:
            raise ValueError("must have exactly one of box, polygon and rle")
        if self.holes is not None and self.polygon is None:
            raise ValueError("holes belong to a polygon; send them with one")
        return self
