"""Regions: the white of a mask as places, or as what is to be found, instead of a picture."""

from __future__ import annotations

from collections.abc import Sequence
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

from service.contract.finders import FinderQuery

MAX_REGIONS = 1000
MAX_FINDER_REGIONS = 16
"""Limit for the regions of one request that a finder looks for: each looks at the whole picture."""

MAX_POINTS = 64
MAX_WORDS_CHARACTERS = 256
MAX_REGION_GROW_PIXELS = 256
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
Label = Annotated[int, Field(ge=0, le=1)]
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


_RESERVED: Sequence[FinderQuery] = ("text", "subject", "background")
_SHAPES = ("box", "polygon", "rle", "find", "point", "points")
_OF_FINDERS = ("grow", "min_score")


class Region(BaseModel):
    """One region: exactly one of `box`, `polygon`, `rle`, `find`, `point` and `points`.

    Pixels count from the top left. Coordinates refer to the upright picture, after its EXIF
    orientation is applied. Regions count in order: each adds to the mask, or is subtracted from
    what the regions before it have added.
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
    find: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_WORDS_CHARACTERS,
        description="What to find: `text`, all written text; `subject`, what stands in front; "
        "`background`, all but that; anything else in words, such as `a red cup`. `GET /models` "
        "lists the finders of this service.",
        examples=["text"],
    )
    point: Point | None = Field(None, description="[x, y]: the thing at this point.")
    points: list[Point] | None = Field(
        None,
        min_length=1,
        max_length=MAX_POINTS,
        fail_fast=True,
        description="The one thing that all these points belong to, or, by `labels`, do not.",
    )
    labels: list[Label] | None = Field(
        None,
        min_length=1,
        max_length=MAX_POINTS,
        description="As many as `points`: 1, the point belongs to the thing; 0, it does not. All "
        "do by default.",
    )
    refine: bool | None = Field(
        None, description="`true`: of the `box` only the thing in it; `false` by default."
    )
    subtract: bool | None = Field(
        None,
        description="`true`: the region is taken away from what the regions before it have added; "
        "`false` by default.",
    )
    grow: int | None = Field(
        None,
        ge=-MAX_REGION_GROW_PIXELS,
        le=MAX_REGION_GROW_PIXELS,
        description="Pixels by which what is found is widened, negative narrows; by default 3 for "
        "things, whose colors reach past their edge, and 0 for text, for the background and for "
        "what is kept. 0 is the exact edge. The parameter `grow` widens the whole mask afterwards.",
    )
    min_score: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Found things with a lower score are left out; by default what suits the "
        "finder.",
    )

    @property
    def query(self) -> FinderQuery | None:
        """Query of a finder; `None` if the region says where it is."""
        if self.find is not None:
            return next((word for word in _RESERVED if word == self.find), "words")
        if self.point is not None or self.points is not None:
            return "points"
        return "box" if self.refine else None

    def list_points(self) -> list[tuple[Sequence[float], bool]]:
        """Return the points, each with whether it belongs to the thing."""
        points = self.points or ([self.point] if self.point else [])
        labels = self.labels or [1] * len(points)
        return [(point, bool(label)) for point, label in zip(points, labels, strict=True)]

    @field_validator("find")
    @classmethod
    def _has_words(cls, find: str | None) -> str | None:
        if find is not None and not find.strip():
            raise ValueError("must be text, subject, background, or words for what to find")
        return find

    @field_validator("box")
    @classmethod
    def _has_an_area(cls, box: list[float] | None) -> list[float] | None:
        if box is not None and (box[0] >= box[2] or box[1] >= box[3]):
            raise ValueError("must be left, top, right, bottom with left < right and top < bottom")
        return box

    @model_validator(mode="after")
    def _is_one_shape(self) -> Region:
        shapes = [name for name in _SHAPES if getattr(self, name) is not None]
        if len(shapes) != 1:
            raise ValueError(f"must have exactly one of {', '.join(_SHAPES)}")
        if self.holes is not None and self.polygon is None:
            raise ValueError("holes belong to a polygon; send them with one")
        if self.refine is not None and self.box is None:
            raise ValueError("refine belongs to a box; send it with one")
        self._check_labels()
        found = [name for name in _OF_FINDERS if getattr(self, name) is not None]
        if found and self.query is None:
            message = "belongs to what is found, and this region says where it is; leave it out"
            raise ValueError(f"{found[0]} {message}")
        return self

    def _check_labels(self) -> None:
        if self.labels is None:
            return
        if self.points is None or len(self.labels) != len(self.points):
            raise ValueError("labels belong to points; send one label for each of the points")
        if not any(self.labels):
            raise ValueError("labels must have a 1: at least one point must belong to the thing")


def check_order(regions: Sequence[Region]) -> None:
    """Check what holds for the regions of a request together.

    Raises:
        ValueError: nothing is before a region that is subtracted, or finders look for too many.
    """
    if regions and regions[0].subtract:
        raise ValueError("must not begin with a region to subtract; first add one")
    if sum(region.query is not None for region in regions) > MAX_FINDER_REGIONS:
        raise ValueError(f"may have {MAX_FINDER_REGIONS} regions that are to be found; send fewer")
