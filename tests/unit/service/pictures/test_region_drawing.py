from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from service.contract.errors import InvalidField
from service.contract.regions import MAX_NUMBERS, Region
from service.pictures.region_drawing import draw_regions, find_clipped

Ring = list[list[float]]

SIZE = (7, 5)
SQUARE: Ring = [[1, 1], [5, 1], [5, 4], [1, 4]]


def _draw(*regions: dict[str, Any], size: tuple[int, int] = SIZE) -> Image.Image:
    drawn = draw_regions([Region.model_validate(region) for region in regions], size)
    assert (drawn.mode, drawn.size) == ("L", size)
    return drawn


def _rows(image: Image.Image) -> list[str]:
    """Return a mask as text, `#` for what is marked."""
    data, width = image.tobytes(), image.width
    assert set(data) <= {0, 255}
    text = "".join("#" if value else "." for value in data)
    return [text[start : start + width] for start in range(0, len(text), width)]


def _refused(*regions: dict[str, Any], size: tuple[int, int] = SIZE) -> list[tuple[str, str]]:
    with pytest.raises(InvalidField) as caught:
        _draw(*regions, size=size)
    assert {fault.code for fault in caught.value.faults} == {"invalid_field"}
    return [(fault.pointer, fault.message) for fault in caught.value.faults]


def _is_inside(ring: Ring, x: Fraction, y: Fraction) -> bool:
    """Tell by a ray to the right whether a point lies within a ring, even-odd, exactly."""
    inside = False
    for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (Fraction(ay) > y) == (Fraction(by) > y):
            continue
        crossing = Fraction(ax) + (y - Fraction(ay)) * (Fraction(bx) - Fraction(ax)) / (
            Fraction(by) - Fraction(ay)
        )
        inside ^= crossing > x
    return inside


def _belongs(outline: Ring, holes: Sequence[Ring], x: Fraction, y: Fraction) -> bool:
    """Return whether a point lies in the outline and in no hole."""
    return _is_inside(outline, x, y) and not any(_is_inside(hole, x, y) for hole in holes)


def test_box_is_half_open() -> None:
    rows = [*["......."] * 2, *[".###..."] * 2, "......."]
    assert _rows(_draw({"box": [1, 2, 4, 4]})) == rows
    assert _rows(_draw({"box": [0, 0, 7, 5]})) == ["#######"] * 5


@pytest.mark.parametrize(
    "box", [[-1, -2, 3.5, 2.5], [0.5, 0.5, 9, 9], [2.3, 1.7, 5.49, 3.51], [-9.5, -9, 9.5, 9]]
)
def test_box_is_drawn_as_its_polygon(box: list[float]) -> None:
    left, top, right, bottom = box
    polygon = [[left, top], [right, top], [right, bottom], [left, bottom]]
    assert _draw({"box": box}).tobytes() == _draw({"polygon": polygon}).tobytes()


def test_regions_that_reach_beyond_the_picture_are_found() -> None:
    regions = [
        {"box": [0, 0, 7, 5]},
        {"box": [-0.5, 0, 7, 5]},
        {"polygon": SQUARE},
        {"polygon": [*SQUARE, [8, 2]]},
        {"rle": {"size": [5, 7], "counts": [0, 5, 30]}},
    ]
    assert find_clipped([Region.model_validate(region) for region in regions], SIZE) == [1, 3]


def test_polygon_takes_pixels_whose_center_it_holds() -> None:
    assert _rows(_draw({"polygon": SQUARE})) == [
        ".......",
        *[".####.."] * 3,
        ".......",
    ]
    assert _draw({"polygon": SQUARE}).tobytes() == _draw({"box": [1, 1, 5, 4]}).tobytes()
    # Up to a center and no further; one that lies on the left or upper edge belongs.
    half = [[1.5, 1.5], [4.5, 1.5], [4.5, 3.5], [1.5, 3.5]]
    assert _draw({"polygon": half}).getbbox() == (1, 1, 4, 3)


def test_hole_is_left_out() -> None:
    outline, hole = [[1, 1], [6, 1], [6, 5], [1, 5]], [[2, 2], [4, 2], [4, 4], [2, 4]]
    assert _rows(_draw({"polygon": outline, "holes": [hole]})) == [
        ".......",
        ".#####.",
        *[".#..##."] * 2,
        ".#####.",
    ]


def test_holes_that_overlap_leave_out_what_any_of_them_holds() -> None:
    outline = [[0, 0], [7, 0], [7, 5], [0, 5]]
    hole, other = [[1, 1], [4, 1], [4, 3], [1, 3]], [[3, 2], [6, 2], [6, 4], [3, 4]]
    inner = [[2, 1], [3, 1], [3, 2], [2, 2]]
    rows = ["#######", "#...###", "#.....#", "###...#", "#######"]
    for holes in ([hole, other, inner], [inner, other, hole], [hole, hole, other]):
        assert _rows(_draw({"polygon": outline, "holes": holes})) == rows


def test_hole_that_reaches_past_the_outline_takes_nothing_from_others() -> None:
    outline, hole = [[0, 0], [3, 0], [3, 5], [0, 5]], [[2, 0], [7, 0], [7, 5], [2, 5]]
    drawn = _draw({"polygon": outline, "holes": [hole]}, {"box": [4, 0, 6, 5]})
    assert _rows(drawn) == ["##..##."] * 5


def test_polygon_that_reaches_past_the_picture_is_cut() -> None:
    far = [[-60_000, -60_000], [60_000, -60_000], [60_000, 3], [-60_000, 3]]
    assert _draw({"polygon": far}).getbbox() == (0, 0, 7, 3)


def test_neighbors_share_no_pixel_and_leave_none() -> None:
    cut = [[0, 0], [7, 0], [2.3, 5], [0, 5]]
    rest = [[7, 0], [7, 5], [2.3, 5]]
    one, other = _draw({"polygon": cut}), _draw({"polygon": rest})
    assert ImageChops.darker(one, other).getbbox() is None
    assert set(ImageChops.lighter(one, other).tobytes()) == {255}


quarters = st.integers(-12, 60).map(lambda value: value / 4)
rings = st.lists(st.tuples(quarters, quarters).map(list), min_size=3, max_size=8)


@pytest.mark.slow
@given(rings, st.lists(rings, max_size=3))
def test_polygon_is_filled_as_its_definition_says(outline: Ring, holes: list[Ring]) -> None:
    width, height = 12, 9
    expected = [
        "".join(
            "#" if _belongs(outline, holes, x + Fraction(1, 2), y + Fraction(1, 2)) else "."
            for x in map(Fraction, range(width))
        )
        for y in map(Fraction, range(height))
    ]
    region: dict[str, Any] = {"polygon": outline}
    if holes:
        region["holes"] = holes
    if "#" in "".join(expected):
        assert _rows(_draw(region, size=(width, height))) == expected
    else:
        assert [pointer for pointer, _ in _refused(region, size=(width, height))] == [
            "/regions/0/polygon"
        ]


def _count_runs(image: Image.Image) -> list[int]:
    """Return the runs of a mask as COCO counts them: down the columns, beginning with 0."""
    data = image.transpose(Image.Transpose.TRANSPOSE).tobytes()
    runs = [(value, len(list(group))) for value, group in itertools.groupby(data)]
    return [count for _, count in (runs if runs[0][0] == 0 else [(0, 0), *runs])]


def _compress(counts: list[int]) -> str:
    """Write runs as `rleToString` of COCO's maskApi.c does."""
    text = ""
    for index, count in enumerate(counts):
        value, more = count - (counts[index - 2] if index > 2 else 0), True
        while more:
            bits, value = value & 0x1F, value >> 5
            more = value != -1 if bits & 0x10 else value != 0
            text += chr((bits | 0x20 if more else bits) + 48)
    return text


@given(st.data())
def test_runs_come_back_as_the_mask_that_they_were_counted_of(data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    box = sorted(data.draw(st.lists(st.integers(0, size[0]), min_size=2, max_size=2, unique=True)))
    noise = data.draw(st.binary(min_size=size[0] * size[1], max_size=size[0] * size[1]))
    mask = Image.frombytes("L", size, bytes(255 * (value > 200) for value in noise))
    mask.paste(255, (box[0], 0, box[1], max(1, size[1] // 2)))
    counts = _count_runs(mask)
    for written in (counts, _compress(counts)):
        rle = {"size": [size[1], size[0]], "counts": written}
        assert _rows(_draw({"rle": rle}, size=size)) == _rows(mask)


@pytest.mark.parametrize(
    ("size", "counts", "text"),
    [
        ([5, 7], [11, 3, 2, 3, 2, 3, 2, 3, 6], ";32000004"),
        ([6, 5], [0, 1, 7, 2, 8, 6, 5, 1], "017114MK"),
        ([100, 200], [0, 20_000], "0Pac0"),
        ([100, 200], [19_999, 1], "o`c01"),
    ],
)
def test_compressed_runs_are_read_as_cocos_tools_write_them(
    size: list[int], counts: list[int], text: str
) -> None:
    drawn = [
        _draw({"rle": {"size": size, "counts": written}}, size=(size[1], size[0]))
        for written in (counts, text)
    ]
    assert drawn[0].tobytes() == drawn[1].tobytes()
    assert _compress(counts) == text


def test_disc_compressed_by_cocos_tools_is_a_disc() -> None:
    text = "_d0;k04M2M4M2O0O2N2O0O2O00000000000000000001N101N2N101N3L3N3L[b0"
    drawn = _draw({"rle": {"size": [40, 60], "counts": text}}, size=(60, 40))
    disc = [(x - 30) ** 2 + (y - 20) ** 2 < 225 for y in range(40) for x in range(60)]
    assert [value == 255 for value in drawn.tobytes()] == disc


def test_regions_together_are_their_union() -> None:
    rle = {"size": [5, 7], "counts": [0, 5, 30]}
    drawn = _draw({"box": [3, 0, 5, 2]}, {"polygon": SQUARE}, {"rle": rle})
    assert _rows(drawn) == ["#..##..", *["#####.."] * 3, "#......"]


@pytest.mark.parametrize(
    ("region", "pointer", "rule"),
    [
        ({"box": [-4, 0, 0, 3]}, "box", "7x5"),
        ({"box": [-4, 0, 0.4, 3]}, "box", "no pixel's center"),
        ({"box": [0, 5, 3, 8]}, "box", "no pixel's center"),
        ({"box": [1.6, 1, 2.4, 3]}, "box", "no pixel's center"),
        ({"polygon": [[20, 20], [30, 20], [20, 30]]}, "polygon", "7x5"),
        ({"polygon": [[1, 1], [2, 1], [2, 1.4]]}, "polygon", "no pixel's center"),
        ({"polygon": [[1, 1], [5, 1], [3, 1]]}, "polygon", "no pixel's center"),
        ({"polygon": SQUARE, "holes": [SQUARE]}, "polygon", "no pixel's center"),
        ({"rle": {"size": [7, 5], "counts": [0, 35]}}, "rle/size", "[5, 7]"),
        ({"rle": {"size": [5, 7], "counts": [0, 34]}}, "rle/counts", "35"),
        ({"rle": {"size": [5, 7], "counts": [0, 2**31 - 1]}}, "rle/counts", "35"),
        ({"rle": {"size": [5, 7], "counts": [35]}}, "rle/counts", "marks no pixel"),
        ({"rle": {"size": [5, 7], "counts": [35, 0]}}, "rle/counts", "marks no pixel"),
        ({"rle": {"size": [5, 7], "counts": "\x7f"}}, "rle/counts", "COCO"),
        ({"rle": {"size": [5, 7], "counts": "é"}}, "rle/counts", "COCO"),
        ({"rle": {"size": [5, 7], "counts": "oooooooo"}}, "rle/counts", "COCO"),
        ({"rle": {"size": [5, 7], "counts": "P"}}, "rle/counts", "cut short"),
        ({"rle": {"size": [5, 7], "counts": "O"}}, "rle/counts", "none negative"),
    ],
)
def test_region_that_does_not_fit_is_refused(
    region: dict[str, Any], pointer: str, rule: str
) -> None:
    ((found, message),) = _refused(region)
    assert found == f"/regions/0/{pointer}"
    assert rule in message


def test_all_regions_that_do_not_fit_are_told() -> None:
    found = _refused({"box": [7, 0, 9, 9]}, {"box": [0, 0, 1, 1]}, {"polygon": [[9, 9]] * 3})
    assert [pointer for pointer, _ in found] == ["/regions/0/box", "/regions/2/polygon"]


def _zigzag(count: int, width: int, height: int) -> Ring:
    return [[index % width, height * (index % 2)] for index in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "regions",
    [
        [{"polygon": _zigzag(10_000, 4000, 4000)}],
        [{"polygon": _zigzag(3, 4000, 4000), "holes": [_zigzag(9000, 4000, 4000)] * 9}],
        [{"box": [0, 0, 4000, 4000]}] * 1000,
        [{"rle": {"size": [4000, 4000], "counts": [0, 16_000_000]}}] * 1000,
        [{"rle": {"size": [4000, 4000], "counts": [1] * (MAX_NUMBERS // 10)}}] * 11,
        [{"polygon": _zigzag(10_000, 4000, 1)}] * 11,
        [{"rle": {"size": [4000, 4000], "counts": "1" * 700_000}}] * 3,
    ],
    ids=["zigzag", "holes", "boxes", "runs", "many runs", "many vertices", "text"],
)
def test_regions_that_take_too_much_work_are_refused_soon(regions: list[dict[str, Any]]) -> None:
    usual = min(_cost(_usual_regions()) for _ in range(3))
    with pytest.raises(InvalidField) as caught:
        _draw(*regions, size=(4000, 4000))
    # At most some six times as much; all of it would be hundreds of times as much.
    assert _cost(regions) < 40 * usual
    assert caught.value.faults[0].pointer.startswith("/regions")


def _cost(regions: list[dict[str, Any]]) -> float:
    read = [Region.model_validate(region) for region in regions]
    started = time.process_time()
    with contextlib.suppress(InvalidField):
        draw_regions(read, (4000, 4000))
    return time.process_time() - started


def _usual_regions() -> list[dict[str, Any]]:
    words = [
        {"box": [x * 100, y * 40, x * 100 + 90, y * 40 + 30]} for x in range(25) for y in range(40)
    ]
    round_about = [[2000 + 1900 * (index % 3 - 1), index * 4] for index in range(900)]
    return [*words[:999], {"polygon": round_about}]


def test_regions_of_a_usual_size_are_drawn() -> None:
    assert _draw(*_usual_regions(), size=(4000, 4000)).getbbox() is not None


def test_regions_count_in_order() -> None:
    left: dict[str, Any] = {"box": [0, 0, 4, 5]}
    middle: dict[str, Any] = {"box": [2, 1, 6, 4], "subtract": True}
    corner: dict[str, Any] = {"rle": {"size": [5, 7], "counts": [10, 2, 23]}}
    drawn = _draw(left, middle, corner)
    expected = ImageChops.lighter(
        ImageChops.subtract(_draw(left), _draw({**middle, "subtract": False})), _draw(corner)
    )
    assert drawn.tobytes() == expected.tobytes()


def test_layers_that_take_too_much_work_are_refused() -> None:
    layers = [{"box": [0, 0, 4, 4], "subtract": bool(index % 2)} for index in range(400)]
    with pytest.raises(InvalidField, match="too much work"):
        _draw(*layers, size=(4000, 4000))
