from __future__ import annotations

import json
from typing import Any

import pytest

from service.api.requests.fields import MAX_FAULTS, Fields, list_fields, make_pointer, parse_fields
from service.contract.errors import MalformedBody
from service.contract.params import InpaintParams, OutpaintParams
from service.contract.regions import Region


def test_parse_fields_reads_form_text() -> None:
    texts = {"seed": "3", "strength": "0.5", "tags": '["a"]', "prompt": "123"}
    params, faults = parse_fields(InpaintParams, Fields(texts, True))
    assert faults == []
    assert params == InpaintParams(seed=3, strength=0.5, tags=["a"], prompt="123")


def test_parse_fields_is_strict_with_json() -> None:
    params, faults = parse_fields(InpaintParams, Fields({"seed": "3", "grow": True}, False))
    assert params is None
    assert {fault.pointer for fault in faults} == {"/grow", "/seed"}


def test_parse_fields_takes_null_in_json_as_absent() -> None:
    params, _ = parse_fields(InpaintParams, Fields({"seed": None}, False))
    assert params == InpaintParams()


def test_parse_fields_tells_all_faults_with_what_is_allowed() -> None:
    texts = {"method": "x", "output_format": "gif", "foo": "1", "tags": "no list"}
    params, faults = parse_fields(InpaintParams, Fields(texts, True))
    assert params is None
    told = {fault.pointer: (fault.code, fault.allowed) for fault in faults}
    assert told == {
        "/method": ("method_unavailable", ("auto", "patch", "generate")),
        "/output_format": ("invalid_field", ("png", "jpeg", "webp", "avif")),
        "/foo": ("unknown_field", None),
        "/tags": ("invalid_field", None),
    }


@pytest.mark.parametrize("value", ["wide", "0:1", "", True, [], 1e300])
def test_parse_fields_tells_one_fault_for_a_field_of_two_types(value: object) -> None:
    _, faults = parse_fields(OutpaintParams, Fields({"aspect_ratio": value}, False))
    assert [fault.pointer for fault in faults] == ["/aspect_ratio"]


def test_parse_fields_refuses_half_a_surrogate_pair() -> None:
    with pytest.raises(MalformedBody, match="Unicode"):
        parse_fields(InpaintParams, Fields({"prompt": "\ud800"}, False))


def test_parse_fields_never_echoes_the_input() -> None:
    texts = {"seed": "hunter2", "aspect_ratio": "hunter2", "left": "hunter2", "anchor": "hunter2"}
    _, faults = parse_fields(OutpaintParams, Fields(texts, True))
    assert len(faults) == 4
    assert "hunter2" not in str(faults)


def test_make_pointer_escapes_and_cuts() -> None:
    assert make_pointer(("tags", 0)) == "/tags/0"
    assert make_pointer(("aspect_ratio", "float")) == "/aspect_ratio"
    assert make_pointer(("a/b~c",)) == "/a~1b~0c"
    assert len(make_pointer(("x" * 500,))) == 65


def test_list_fields_finds_lists() -> None:
    assert list_fields(InpaintParams) == {"tags", "regions", "loras", "webhook_events"}
    assert list_fields(OutpaintParams) == {"tags", "loras", "webhook_events"}


def test_make_pointer_keeps_the_names_that_it_is_told() -> None:
    location = ("regions", 3, "rle", "counts", "runs", 5)
    assert make_pointer(location) == "/regions/3/5"
    assert make_pointer(location, {"rle", "counts"}) == "/regions/3/rle/counts/5"


@pytest.mark.parametrize("is_text", [True, False])
def test_parse_fields_points_into_regions(is_text: bool) -> None:
    regions: list[Any] = [
        {"box": [0, 0, 9, "9"]},
        {"box": [0, 9, 9, 9]},
        {"polygon": [[0, 0], [1, 1], [1, 70_000]]},
        {"rle": {"size": [1, 2], "counts": [1, -1, -1]}},
        {"rle": {"size": [1, 2], "counts": 5, "more": 1}},
        {"blob": 1},
        {},
    ]
    value = json.dumps(regions) if is_text else regions
    _, faults = parse_fields(InpaintParams, Fields({"regions": value}, is_text))
    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/regions/0/box/3", "invalid_field"),
        ("/regions/1/box", "invalid_field"),
        ("/regions/2/polygon/2/1", "invalid_field"),
        ("/regions/3/rle/counts/1", "invalid_field"),
        ("/regions/4/rle/counts", "invalid_field"),
        ("/regions/4/rle/more", "unknown_field"),
        ("/regions/5/blob", "unknown_field"),
        ("/regions/6", "invalid_field"),
    ]


def test_parse_fields_tells_rules_in_our_own_words() -> None:
    _, faults = parse_fields(OutpaintParams, Fields({"left": "-1"}, True))
    assert faults[0].message.startswith("must not be negative: outpaint never crops")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[NaN]", "contains NaN or infinity"),
        ("[-Infinity]", "contains NaN or infinity"),
        ('[{"box": [0, 0, 1, 1], "box": [0, 0, 2, 2]}]', "contains a name twice"),
        ('[{"box": [0, 0, 1e999, 1]}]', "number that is too large"),
        ('[{"box": [0, 0, 1' + "0" * 3000 + ", 1]}]", "number that is too large"),
        ('[{"box": [0, 0, 1' + "0" * 5000 + ", 1]}]", "number that is too large"),
        ("[" * 100_000, "nested too deeply"),
        ("[{", "is malformed"),
        ("plain", "is malformed"),
        (" \n", "is empty"),
        ("null", "must not be null in a form"),
    ],
)
def test_parse_fields_says_why_a_list_in_a_form_cannot_be_read(text: str, reason: str) -> None:
    params, faults = parse_fields(InpaintParams, Fields({"regions": text, "seed": "-1"}, True))
    assert params is None
    assert [fault.pointer for fault in faults] == ["/regions", "/seed"]
    assert reason in faults[0].message
    assert parse_fields(InpaintParams, Fields({"regions": text}, True)) == (None, faults[:1])


@pytest.mark.parametrize("depth", [205, 500, 900])
def test_parse_fields_tells_nesting_apart(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    with pytest.raises(MalformedBody, match="nested too deeply"):
        parse_fields(InpaintParams, Fields({"tags": deep}, False))


def test_parse_fields_tells_the_limit_of_a_box() -> None:
    _, faults = parse_fields(
        InpaintParams, Fields({"regions": [{"box": [0, 0, 10**300, 5]}]}, False)
    )
    assert [fault.pointer for fault in faults] == ["/regions/0/box/2"]
    assert "less than or equal to 65536" in faults[0].message


def test_parse_fields_takes_whole_floats_for_integers_in_forms_too() -> None:
    text = '[{"box": [0.0, 0, 2.0, 2]}]'
    params, faults = parse_fields(InpaintParams, Fields({"regions": text}, True))
    assert faults == []
    assert params is not None and params.regions == [Region(box=[0, 0, 2, 2])]


def test_parse_fields_tells_a_hundred_faults_and_no_more() -> None:
    regions = [{"box": [0, 0, 0, index]} for index in range(300)]
    _, faults = parse_fields(InpaintParams, Fields({"regions": regions}, False))
    assert len(faults) == MAX_FAULTS == 100


def test_parse_fields_returns_as_many_faults_for_any_number_of_unknown_fields() -> None:
    document = {f"f{index}": 0 for index in range(10_000)}
    params, faults = parse_fields(InpaintParams, Fields({**document, "seed": 1}, False))
    assert params is None
    assert [fault.pointer for fault in faults] == [f"/f{index}" for index in range(MAX_FAULTS)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seed": "-1"}, "must be greater than or equal to 0"),
        ({"seed": "x"}, "must be a valid integer"),
        ({"ground": "none"}, "must be 'auto' or 'ignore'"),
        ({"seeed": "1"}, "does not exist; did you mean seed?"),
        ({"negativePrompt": "x"}, "does not exist; did you mean negative_prompt?"),
        ({"steps": "1"}, "does not exist; did you mean num_inference_steps?"),
        ({"images": "x"}, "does not exist; did you mean image?"),
        ({"region_": "[]"}, "does not exist; did you mean region?"),
        ({"zzz": "1"}, "does not exist; check its spelling"),
        ({"s" * 65: "1"}, "does not exist; check its spelling"),
        ({"regions": '[{"boxs": [1]}]'}, "does not exist; did you mean box?"),
        ({"regions": "[]"}, "must have at least 1 item"),
    ],
)
def test_parse_fields_words_the_rules_of_pydantic_as_ours(
    fields: dict[str, str], message: str
) -> None:
    _, faults = parse_fields(InpaintParams, Fields(fields, True), ("image", "mask"))
    assert message in [fault.message for fault in faults]


def test_parse_fields_takes_an_empty_number_list_or_choice_as_absent() -> None:
    texts = dict.fromkeys(("seed", "tags", "method", "aspect_ratio", "no_store"), "")
    params, faults = parse_fields(OutpaintParams, Fields({**texts, "prompt": ""}, True))
    assert (params, faults) == (OutpaintParams(prompt=""), [])


def test_parse_fields_refuses_an_empty_name() -> None:
    texts = {"model": "", "webhook_url": "", "svg": ""}
    _, faults = parse_fields(InpaintParams, Fields(texts, True))
    assert {fault.pointer for fault in faults} == {"/model", "/webhook_url", "/svg"}
