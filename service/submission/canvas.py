"""The canvas of an outpaint request, from one of five sets of size parameters."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from service.contract.errors import Fault, ImageTooLarge, InvalidField, NoChange
from service.contract.geometry import (
    MAX_SIDE_PIXELS,
    Geometry,
    Margins,
    Vocabulary,
    find_longest_overlap,
    plan_aspect_ratio,
    plan_canvas,
    plan_margins,
    plan_percent,
    plan_position,
    plan_zoom_out,
)
from service.contract.params import (
    CANVAS_FIELDS,
    MARGIN_FIELDS,
    NEVER_CROPS,
    PERCENT_FIELDS,
    POSITION_FIELDS,
    OutpaintParams,
    parse_aspect_ratio,
)

FIELDS: Mapping[Vocabulary, tuple[str, ...]] = {
    "margins": MARGIN_FIELDS,
    "percent": PERCENT_FIELDS,
    "aspect_ratio": ("aspect_ratio",),
    "canvas": CANVAS_FIELDS + POSITION_FIELDS,
    "zoom_out": ("zoom_out",),
}
"""Fields of each vocabulary; `anchor` goes with the last three."""

_WAYS = (
    "margins in pixels or in percent, aspect_ratio, width and height, or zoom_out; `anchor` alone "
    "is not enough"
)


def find_vocabulary_faults(params: OutpaintParams) -> list[Fault]:
    """Check that exactly one complete set of size parameters was sent, and return the faults."""
    given = _find_given(params)
    if not given:
        allowed = tuple(name for fields in FIELDS.values() for name in fields)
        return [Fault("", "invalid_field", f"send the size of the canvas: {_WAYS}", allowed)]
    (first, names), *others = given.items()
    faults = [
        Fault(f"/{more[0]}", "conflicting_fields", _exclude(first, names, other, more))
        for other, more in others
    ]
    if "canvas" in given:
        faults += _find_missing(given["canvas"])
    if params.anchor is not None and not others:
        faults += _find_anchor_faults(first, names)
    return faults


def _find_given(params: OutpaintParams) -> dict[Vocabulary, list[str]]:
    """Return the vocabularies that are used, each with the fields that were sent."""
    found = {
        vocabulary: [name for name in fields if getattr(params, name) is not None]
        for vocabulary, fields in FIELDS.items()
    }
    return {vocabulary: names for vocabulary, names in found.items() if names}


def _exclude(first: Vocabulary, names: list[str], other: Vocabulary, more: list[str]) -> str:
    one, another = _name(first, names), _name(other, more)
    return f"{one} and {another} exclude each other; send the size in one way"


def _name(vocabulary: Vocabulary, names: list[str]) -> str:
    return vocabulary if names == [vocabulary] else f"{vocabulary} ({', '.join(names)})"


def _find_missing(names: list[str]) -> list[Fault]:
    """Return a fault for each missing half of a size or a position."""
    wanted = set(CANVAS_FIELDS)
    if not wanted.issuperset(names):
        wanted.update(POSITION_FIELDS)
    message = f"is required with {' and '.join(names)}"
    return [
        Fault(f"/{name}", "invalid_field", message)
        for name in FIELDS["canvas"]
        if name in wanted and name not in names
    ]


def _find_anchor_faults(vocabulary: Vocabulary, names: list[str]) -> list[Fault]:
    if vocabulary in ("margins", "percent"):
        message = f"{_name(vocabulary, names)} already place the original; leave out anchor"
    elif any(name in POSITION_FIELDS for name in names):
        message = "x and y already place the original; leave out anchor"
    else:
        return []
    return [Fault("/anchor", "conflicting_fields", message)]


def find_pointer(params: OutpaintParams) -> str:
    """Return the pointer of the size parameter if there is one, else that of the whole body."""
    names = [name for found in _find_given(params).values() for name in found]
    return f"/{names[0]}" if len(names) == 1 else ""


def plan_geometry(params: OutpaintParams, size: tuple[int, int], max_pixels: int) -> Geometry:
    """Plan the canvas of an outpaint request.

    Args:
        params: as sent, with one vocabulary.
        size: width and height of the picture, upright.
        max_pixels: limit for the canvas.

    Raises:
        NoChange: the canvas has the size of the picture.
        ImageTooLarge: the canvas has too many pixels, or too long a side.
        InvalidField: it does not hold the whole picture.
    """
    geometry = _plan(params, size)
    canvas = (geometry.width, geometry.height)
    if canvas == size:
        raise NoChange(
            "the canvas has the picture's size, so nothing would be painted; ask for a larger one"
        )
    if max(canvas) > MAX_SIDE_PIXELS:
        limit = f"a side of more than {MAX_SIDE_PIXELS} pixels"
        raise ImageTooLarge(f"the canvas would have {limit}; ask for a smaller one")
    if canvas[0] * canvas[1] > max_pixels:
        raise ImageTooLarge(
            f"the canvas would have more than {max_pixels} pixels; ask for a smaller one"
        )
    return geometry


def _plan(params: OutpaintParams, size: tuple[int, int]) -> Geometry:
    anchor = params.anchor or "center"
    if params.aspect_ratio is not None:
        return plan_aspect_ratio(*size, parse_aspect_ratio(params.aspect_ratio), anchor)
    if params.zoom_out is not None:
        return plan_zoom_out(*size, _exact(params.zoom_out), anchor)
    if params.width is not None and params.height is not None:
        canvas = (params.width, params.height)
        _check_holds_original(params, canvas, size)
        if params.x is not None and params.y is not None:
            return plan_position(*size, canvas, (params.x, params.y))
        return plan_canvas(*size, canvas, anchor)
    if any(getattr(params, name) is not None for name in PERCENT_FIELDS):
        return plan_percent(*size, *(_exact(getattr(params, name)) for name in PERCENT_FIELDS))
    margins: dict[str, Any] = {name: getattr(params, name) or 0 for name in MARGIN_FIELDS}
    return plan_margins(*size, Margins(**margins))


def _exact(value: float | None) -> Fraction:
    """Return the decimal number as written, so that 12.35 % of 1000 is 123.5."""
    return Fraction(str(value or 0))


def _check_holds_original(
    params: OutpaintParams, canvas: tuple[int, int], size: tuple[int, int]
) -> None:
    """Check that all of the original lies on the canvas.

    Raises:
        InvalidField: it does not; `faults` names the fields.
    """
    faults = []
    axes = zip(CANVAS_FIELDS, POSITION_FIELDS, canvas, size, strict=True)
    for side, corner, available, needed in axes:
        position = getattr(params, corner) or 0
        if available < needed:
            message = f"is less than the picture's {side} of {needed}; {NEVER_CROPS}"
            faults.append(Fault(f"/{side}", "invalid_field", message))
        elif position + needed > available:
            message = f"must be at most {available - needed} here; {NEVER_CROPS}"
            faults.append(Fault(f"/{corner}", "invalid_field", message))
    if faults:
        raise InvalidField(faults[0].message, faults=tuple(faults))


def check_overlap(overlap: int, geometry: Geometry) -> None:
    """Check that blending leaves some of the original unchanged.

    Args:
        overlap: pixels inward from the edges where the original is extended.
        geometry: of the request.

    Raises:
        InvalidField: it does not.
    """
    limit = find_longest_overlap(geometry)
    if overlap > limit:
        raise InvalidField(f"must be at most {limit} here, to leave some of the original unchanged")
