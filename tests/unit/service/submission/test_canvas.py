from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.errors import ImageTooLarge, InvalidField, NoChange
from service.contract.geometry import Geometry, Vocabulary
from service.contract.params import NEVER_CROPS, OutpaintParams
from service.submission.canvas import (
    FIELDS,
    check_overlap,
    find_pointer,
    find_vocabulary_faults,
    plan_geometry,
)

ANCHORS = (
    "center top bottom left right top_left top_right bottom_left bottom_right".split()  # noqa: SIM905
)
NO_LIMIT = 10**12


def _params(**fields: Any) -> OutpaintParams:
    return OutpaintParams.model_validate(fields)


def _plan(size: tuple[int, int], **fields: Any) -> Geometry:
    params = _params(**fields)
    assert find_vocabulary_faults(params) == []
    return plan_geometry(params, size, NO_LIMIT)


def _margins(geometry: Geometry) -> tuple[int, int, int, int]:
    found = geometry.margins
    return found.left, found.top, found.right, found.bottom


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"left": 0}, []),
        ({"left_percent": 1, "bottom_percent": 2}, []),
        ({"aspect_ratio": "1:1", "anchor": "top"}, []),
        ({"width": 9, "height": 9}, []),
        ({"width": 9, "height": 9, "anchor": "left"}, []),
        ({"width": 9, "height": 9, "x": 0, "y": 0}, []),
        ({"zoom_out": 2}, []),
        ({"zoom_out": 2, "anchor": "top_left"}, []),
        ({}, [("", "invalid_field")]),
        ({"anchor": "top"}, [("", "invalid_field")]),
        ({"overlap": 3}, [("", "invalid_field")]),
        ({"left": 1, "aspect_ratio": "1:1"}, [("/aspect_ratio", "conflicting_fields")]),
        ({"left": 1, "left_percent": 1}, [("/left_percent", "conflicting_fields")]),
        ({"right": 1, "width": 9, "height": 9}, [("/width", "conflicting_fields")]),
        ({"zoom_out": 2, "aspect_ratio": 1}, [("/zoom_out", "conflicting_fields")]),
        (
            {"top": 1, "top_percent": 1, "zoom_out": 2},
            [("/top_percent", "conflicting_fields"), ("/zoom_out", "conflicting_fields")],
        ),
        (
            {"top": 1, "width": 9},
            [("/width", "conflicting_fields"), ("/height", "invalid_field")],
        ),
        ({"width": 9}, [("/height", "invalid_field")]),
        ({"height": 9}, [("/width", "invalid_field")]),
        ({"width": 9, "height": 9, "x": 1}, [("/y", "invalid_field")]),
        ({"width": 9, "height": 9, "y": 1}, [("/x", "invalid_field")]),
        ({"x": 1, "y": 1}, [("/width", "invalid_field"), ("/height", "invalid_field")]),
        ({"width": 9, "x": 1}, [("/height", "invalid_field"), ("/y", "invalid_field")]),
        ({"left": 1, "anchor": "top"}, [("/anchor", "conflicting_fields")]),
        ({"left_percent": 1, "anchor": "top"}, [("/anchor", "conflicting_fields")]),
        (
            {"width": 9, "height": 9, "x": 1, "y": 1, "anchor": "top"},
            [("/anchor", "conflicting_fields")],
        ),
    ],
)
def test_exactly_one_whole_vocabulary_is_taken(
    fields: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    found = find_vocabulary_faults(_params(**fields))
    assert [(fault.pointer, fault.code) for fault in found] == faults


@pytest.mark.parametrize("pair", list(itertools.combinations(FIELDS, 2)))
def test_any_two_vocabularies_conflict(pair: tuple[Vocabulary, Vocabulary]) -> None:
    values = {"canvas": {"width": 9, "height": 9}}
    fields: dict[str, Any] = {}
    for name in pair:
        fields |= values.get(name, {FIELDS[name][0]: 2})
    (fault,) = find_vocabulary_faults(_params(**fields))
    assert (fault.pointer, fault.code) == (f"/{FIELDS[pair[1]][0]}", "conflicting_fields")
    assert pair[0] in fault.message and pair[1] in fault.message


def test_mixed_vocabularies_are_both_named() -> None:
    (fault,) = find_vocabulary_faults(_params(left=1, bottom=2, zoom_out=2))
    assert "margins (left, bottom)" in fault.message
    assert "zoom_out" in fault.message
    (missing,) = find_vocabulary_faults(_params(width=9, height=9, x=1))
    assert missing.message == "is required with width and height and x"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"aspect_ratio": 1}, "/aspect_ratio"),
        ({"zoom_out": 2}, "/zoom_out"),
        ({"left": 1}, "/left"),
        ({"width": 2, "height": 3}, ""),
    ],
)
def test_find_pointer_names_a_single_field(fields: dict[str, Any], pointer: str) -> None:
    assert find_pointer(_params(**fields)) == pointer


def test_margins_are_taken_as_they_are() -> None:
    found = _plan((100, 50), left=3, bottom=4)
    assert (found.width, found.height, found.asked) == (103, 54, "margins")
    assert found.original.as_list() == [3, 0, 103, 50]


@pytest.mark.parametrize(
    ("size", "fields", "margins"),
    [
        ((100, 50), {"left_percent": 10, "top_percent": 10}, (10, 5, 0, 0)),
        # Half a pixel is one, and 12.35 % of 1000 is half a pixel however floats see it.
        ((1000, 1000), {"right_percent": 12.35}, (0, 0, 124, 0)),
        ((1000, 1000), {"right_percent": 12.34}, (0, 0, 123, 0)),
        ((1000, 1000), {"bottom_percent": 1.15}, (0, 0, 0, 12)),
        ((1000, 1000), {"left_percent": 0.05, "right_percent": 0.05}, (1, 0, 1, 0)),
        ((100, 1000), {"left_percent": 100, "top_percent": 0.05}, (100, 1, 0, 0)),
    ],
)
def test_percent_is_of_the_own_side_and_exact(
    size: tuple[int, int], fields: dict[str, float], margins: tuple[int, int, int, int]
) -> None:
    found = _plan(size, **fields)
    assert _margins(found) == margins
    assert found.asked == "percent"


@pytest.mark.parametrize("places", [1, 2, 3, 4])
def test_percent_written_in_a_form_is_exact(places: int) -> None:
    for digits in range(1, 2000, 7):
        text = f"{Fraction(digits, 10**places).__float__():.{places}f}"
        exact = int(Fraction(text) * 1000 / 100 + Fraction(1, 2))
        params = _params(top_percent=text, left=None, right_percent="100")
        assert plan_geometry(params, (1000, 1000), NO_LIMIT).margins.top == exact


@pytest.mark.parametrize(
    ("anchor", "margins"),
    [
        ("center", (5, 2, 6, 3)),
        ("top", (5, 0, 6, 5)),
        ("bottom", (5, 5, 6, 0)),
        ("left", (0, 2, 11, 3)),
        ("right", (11, 2, 0, 3)),
        ("top_left", (0, 0, 11, 5)),
        ("top_right", (11, 0, 0, 5)),
        ("bottom_left", (0, 5, 11, 0)),
        ("bottom_right", (11, 5, 0, 0)),
        (None, (5, 2, 6, 3)),
    ],
)
def test_odd_pixel_of_a_split_goes_right_or_bottom(
    anchor: str | None, margins: tuple[int, int, int, int]
) -> None:
    found = _plan((100, 80), width=111, height=85, anchor=anchor)
    assert _margins(found) == margins
    assert (found.width, found.height, found.asked) == (111, 85, "canvas")


def test_position_is_where_the_corner_lies() -> None:
    found = _plan((100, 80), width=150, height=80, x=50, y=0)
    assert found.original.as_list() == [50, 0, 150, 80]
    assert (found.width, found.height, found.asked) == (150, 80, "canvas")


@pytest.mark.parametrize(
    ("size", "factor", "canvas"),
    [
        ((100, 80), 1.5, (150, 120)),
        ((101, 67), 1.5, (152, 101)),  # 151.5 and 100.5
        ((1000, 100), 1.0005, (1001, 100)),
        ((1000, 1000), 1.1235, (1124, 1124)),
        ((64, 64), 16, (1024, 1024)),
    ],
)
def test_zoom_out_rounds_half_a_pixel_up(
    size: tuple[int, int], factor: float, canvas: tuple[int, int]
) -> None:
    found = _plan(size, zoom_out=factor)
    assert (found.width, found.height, found.asked) == (*canvas, "zoom_out")


def test_zoom_out_lies_at_its_anchor() -> None:
    assert _plan((100, 80), zoom_out=2, anchor="bottom_right").original.as_list() == [
        *(100, 80),
        *(200, 160),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"left": 0},
        {"left_percent": 0, "top_percent": 0.4},
        {"aspect_ratio": "1:1"},
        {"width": 100, "height": 100},
        {"width": 100, "height": 100, "x": 0, "y": 0},
        {"zoom_out": 1.004},
    ],
)
def test_what_changes_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(NoChange):
        _plan((100, 100), **fields)


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"width": 99, "height": 200}, ["/width"]),
        ({"width": 200, "height": 79}, ["/height"]),
        ({"width": 9, "height": 9}, ["/width", "/height"]),
        ({"width": 9, "height": 9, "x": 0, "y": 0}, ["/width", "/height"]),
        ({"width": 150, "height": 100, "x": 51, "y": 20}, ["/x"]),
        ({"width": 150, "height": 100, "x": 51, "y": 21}, ["/x", "/y"]),
        ({"width": 150, "height": 50, "x": 51, "y": 21}, ["/x", "/height"]),
    ],
)
def test_canvas_that_would_crop_is_refused(fields: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(InvalidField, match="never crops") as caught:
        _plan((100, 80), **fields)
    assert [fault.pointer for fault in caught.value.faults] == pointers
    assert all(NEVER_CROPS in fault.message for fault in caught.value.faults)


@pytest.mark.parametrize("name", ["left", "bottom", "x", "y", "top_percent", "right_percent"])
def test_negative_margin_is_told_that_nothing_is_cropped(name: str) -> None:
    with pytest.raises(ValueError, match="crop the picture before you send it"):
        _params(**{name: -1})


def test_canvas_stays_within_the_limits() -> None:
    with pytest.raises(ImageTooLarge, match="10000"):
        plan_geometry(_params(left=1), (100, 100), 10_000)
    assert _plan((1, 100), left=1).width == 2


@given(
    size=st.tuples(st.integers(64, 4000), st.integers(64, 4000)),
    anchor=st.sampled_from([None, *ANCHORS]),
    vocabulary=st.one_of(
        st.fixed_dictionaries({"aspect_ratio": st.floats(0.07, 15).map(lambda x: round(x, 3))}),
        st.fixed_dictionaries({"zoom_out": st.floats(1.001, 16)}),
        st.fixed_dictionaries({"width": st.integers(64, 9000), "height": st.integers(64, 9000)}),
    ),
)
def test_anchored_canvas_holds_the_original_whole(
    size: tuple[int, int], anchor: str | None, vocabulary: dict[str, Any]
) -> None:
    try:
        found = _plan(size, **vocabulary, anchor=anchor)
    except (ImageTooLarge, NoChange, InvalidField):
        return
    box, margins = found.original, found.margins
    assert (box.width, box.height) == size
    assert found.width == margins.left + size[0] + margins.right
    assert found.height == margins.top + size[1] + margins.bottom
    if "width" in vocabulary:
        assert (found.width, found.height) == (vocabulary["width"], vocabulary["height"])
    if anchor in (None, "center"):
        assert margins.right - margins.left in (0, 1)
        assert margins.bottom - margins.top in (0, 1)


@given(
    size=st.tuples(st.integers(64, 4000), st.integers(64, 4000)),
    fields=st.dictionaries(
        st.sampled_from(["left_percent", "top_percent", "right_percent", "bottom_percent"]),
        st.decimals(0, 900, places=3),
        min_size=1,
    ),
)
def test_percent_is_never_half_a_pixel_off(size: tuple[int, int], fields: dict[str, Any]) -> None:
    try:
        found = _plan(size, **{name: str(value) for name, value in fields.items()})
    except (ImageTooLarge, NoChange, InvalidField):
        return
    sides = {"left": size[0], "right": size[0], "top": size[1], "bottom": size[1]}
    for name, side in sides.items():
        exact = Fraction(fields.get(f"{name}_percent", 0)) * side / 100
        assert -Fraction(1, 2) < getattr(found.margins, name) - exact <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("margins", "longest"),
    [
        ({"left": 50}, 199),
        ({"left": 50, "right": 1}, 99),
        ({"top": 1}, 63),
        ({"top": 1, "bottom": 1}, 31),
        ({"left": 1, "top": 1}, 63),
        ({"left": 1, "right": 1, "top": 1, "bottom": 1}, 31),
    ],
)
def test_overlap_leaves_some_of_the_original_between_the_sides_that_are_extended(
    margins: dict[str, int], longest: int
) -> None:
    geometry = _plan((200, 64), **margins)
    check_overlap(0, geometry)
    check_overlap(longest, geometry)
    with pytest.raises(InvalidField, match=f"at most {longest} here"):
        check_overlap(longest + 1, geometry)
