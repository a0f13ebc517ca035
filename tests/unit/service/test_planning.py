from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.catalogue import Catalogue, ModelEntry, find_method
from service.contract.errors import (
    ConflictingFields,
    Fault,
    ImageTooLarge,
    InvalidField,
    ModelRequired,
    ModelUnavailable,
    NoChange,
)
from service.contract.params import InpaintParams, OutpaintParams
from service.planning import (
    Choice,
    batch_key,
    check_painted_pixels,
    choose,
    cost,
    fill_defaults,
    find_unsupported,
    find_vocabulary_faults,
    plan_canvas,
    raise_faults,
)

NONE = Catalogue()
TINY = ModelEntry(name="tiny", family="stable-diffusion-inpaint", source="/x", group="small")
OPTIONAL = Catalogue(models=(TINY,))
DEFAULT = Catalogue(models=(TINY.model_copy(update={"default": True}),))


@pytest.mark.parametrize(
    ("params", "catalogue", "method", "queue"),
    [
        (InpaintParams(), NONE, "patch", "paint-cpu"),
        (InpaintParams(), OPTIONAL, "patch", "paint-cpu"),
        (InpaintParams(), DEFAULT, "generate", "paint-gpu:small"),
        (InpaintParams(method="auto", prompt="x"), DEFAULT, "generate", "paint-gpu:small"),
        (InpaintParams(model="tiny"), OPTIONAL, "generate", "paint-gpu:small"),
        (InpaintParams(method="patch"), DEFAULT, "patch", "paint-cpu"),
    ],
)
def test_choose_follows_configuration(
    params: InpaintParams, catalogue: Catalogue, method: str, queue: str
) -> None:
    choice = choose("inpaint", params, catalogue)
    assert (choice.method.name, choice.queue) == (method, queue)


def test_choose_takes_pattern_for_outpainting_without_a_model() -> None:
    assert choose("outpaint", OutpaintParams(left=1), NONE).method.name == "pattern"


def test_choose_names_the_setting_when_there_is_no_model() -> None:
    with pytest.raises(ModelRequired, match="PAINTJOB_MODELS_FILE") as caught:
        choose("inpaint", InpaintParams(prompt="x", strength=0.5), NONE)
    assert [fault.pointer for fault in caught.value.faults] == ["/prompt", "/strength"]


def test_choose_lists_the_models_there_are() -> None:
    with pytest.raises(ModelRequired, match="GET /models") as required:
        choose("inpaint", InpaintParams(method="generate"), OPTIONAL)
    with pytest.raises(ModelUnavailable) as unavailable:
        choose("inpaint", InpaintParams(method="generate", model="other"), OPTIONAL)
    for caught in (required, unavailable):
        assert caught.value.faults[0].allowed == ("tiny",)


def test_find_unsupported_tells_every_field_at_once() -> None:
    method = find_method("outpaint", "mirror")
    assert method is not None
    params = OutpaintParams(
        prompt="x", strength=1, num_images=2, output_quality=5, mirror_style="exact"
    )
    pointers = [fault.pointer for fault in find_unsupported(params, method)]
    assert pointers == ["/prompt", "/strength", "/num_images", "/output_quality"]


def test_fill_defaults_keeps_what_was_asked() -> None:
    choice = choose("inpaint", InpaintParams(), DEFAULT)
    asked = InpaintParams(strength=0.5, seed=3, grow=-2, output_format="jpeg", output_quality=7)
    params = fill_defaults(asked, choice)
    assert isinstance(params, InpaintParams)
    assert (params.strength, params.seed, params.grow, params.output_quality) == (0.5, 3, -2, 7)
    assert (params.method, params.model, params.prompt) == ("generate", "tiny", "")
    assert (params.guidance_scale, params.num_inference_steps) == (7.5, 25)


def test_fill_defaults_leaves_null_what_the_method_cannot_honour() -> None:
    params = fill_defaults(InpaintParams(), choose("inpaint", InpaintParams(), NONE))
    assert (params.prompt, params.strength, params.output_quality, params.model) == (None,) * 4


def test_fill_defaults_draws_seeds_that_differ() -> None:
    choice = choose("inpaint", InpaintParams(), NONE)
    assert len({fill_defaults(InpaintParams(), choice).seed for _ in range(20)}) > 1


def test_effective_parameters_pass_their_own_rules() -> None:
    for params in (OutpaintParams(left=3), OutpaintParams(aspect_ratio=1.5)):
        effective = fill_defaults(params, choose("outpaint", params, DEFAULT))
        assert OutpaintParams.model_validate_json(effective.model_dump_json()) == effective


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (OutpaintParams(left=1, aspect_ratio="1:1"), "conflicting_fields"),
        (OutpaintParams(left=1, anchor="top"), "conflicting_fields"),
        (OutpaintParams(anchor="top"), "invalid_field"),
        (OutpaintParams(), "invalid_field"),
        (OutpaintParams(left=0), None),
        (OutpaintParams(aspect_ratio="1:1", anchor="top"), None),
    ],
)
def test_exactly_one_vocabulary_is_taken(params: OutpaintParams, code: str | None) -> None:
    assert [fault.code for fault in find_vocabulary_faults(params)] == ([code] if code else [])


def test_plan_canvas_refuses_what_passes_the_limits() -> None:
    with pytest.raises(NoChange):
        plan_canvas(OutpaintParams(left=0), (100, 100), 10_000)
    with pytest.raises(ImageTooLarge, match="10000"):
        plan_canvas(OutpaintParams(left=1), (100, 100), 10_000)
    with pytest.raises(InvalidField, match="16"):
        plan_canvas(OutpaintParams(left=1501), (100, 100), 10**9)
    assert plan_canvas(OutpaintParams(left=1500), (100, 100), 10**9).width == 1600


@given(
    st.integers(64, 4000),
    st.integers(64, 4000),
    st.floats(0.07, 15),
    st.sampled_from(["center", "top_left", "bottom", "right"]),
)
def test_plan_canvas_holds_the_original_whole(
    width: int, height: int, ratio: float, anchor: str
) -> None:
    params = OutpaintParams.model_validate({"aspect_ratio": round(ratio, 3), "anchor": anchor})
    try:
        geometry = plan_canvas(params, (width, height), 10**12)
    except (NoChange, InvalidField):
        return
    box = geometry.original
    assert (box.width, box.height) == (width, height)
    assert box.left >= 0
    assert box.right <= geometry.width
    assert box.top >= 0
    assert box.bottom <= geometry.height


def test_check_painted_pixels_counts_all_images() -> None:
    check_painted_pixels((8000, 4000), 2)
    with pytest.raises(ImageTooLarge):
        check_painted_pixels((8000, 4000), 3)


def test_batch_key_is_shared_only_by_what_one_call_can_paint() -> None:
    choice = choose("inpaint", InpaintParams(), DEFAULT)

    def key(size: tuple[int, int] = (64, 64), **fields: float) -> str:
        params = fill_defaults(InpaintParams.model_validate(fields), choice)
        return batch_key("inpaint", params, choice, size)

    assert key(seed=1) == key(seed=2) != ""
    assert len({key(), key(strength=0.5), key(num_inference_steps=3), key((64, 128))}) == 4
    weight_free = choose("inpaint", InpaintParams(), NONE)
    assert batch_key("inpaint", InpaintParams(), weight_free, (64, 64)) == ""


def test_cost_is_output_megapixels_with_a_floor() -> None:
    assert cost((2000, 1000), 3) == 6
    assert cost((64, 64), 1) == 0.1


def test_raise_faults_takes_the_shared_code() -> None:
    raise_faults([])
    both = [Fault("/a", "conflicting_fields", "m"), Fault("/b", "conflicting_fields", "m")]
    with pytest.raises(ConflictingFields) as caught:
        raise_faults(both)
    assert caught.value.faults == tuple(both)
    with pytest.raises(InvalidField):
        raise_faults([*both, Fault("/c", "unknown_field", "m")])


def test_choice_is_made_without_looking_at_files(tmp_path: Path) -> None:
    entry = TINY.model_copy(update={"source": str(tmp_path / "absent"), "default": True})
    choice = choose("inpaint", InpaintParams(), Catalogue(models=(entry,)))
    assert isinstance(choice, Choice)
