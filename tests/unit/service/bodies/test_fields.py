from __future__ import annotations

import pytest

from service.bodies.fields import Fields, list_fields, make_pointer, parse_fields
from service.contract.errors import MalformedBody
from service.contract.params import InpaintParams, OutpaintParams


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
        "/output_format": ("invalid_field", ("png", "jpeg", "webp")),
        "/foo": ("unknown_field", None),
        "/tags": ("invalid_field", None),
    }


@pytest.mark.parametrize("value", ["wide", "0:1", "", True, [], 1e300])
def test_parse_fields_tells_one_fault_for_a_field_of_two_types(value: object) -> None:
    _, faults = parse_fields(OutpaintParams, Fields({"aspect_ratio": value}, False))
    assert [fault.pointer for fault in faults] == ["/aspect_ratio"]


def test_parse_fields_refuses_half_a_surrogate_pair() -> None:
    with pytest.raises(MalformedBody):
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


def test_list_fields_finds_tags() -> None:
    assert list_fields(InpaintParams) == list_fields(OutpaintParams) == {"tags"}
