from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.contract.catalogue import SELF_MODEL, Catalogue, ModelEntry, load_catalogue
from service.contract.errors import (
    ConflictingFields,
    Fault,
    ImageTooLarge,
    InvalidField,
    LicenceRefused,
    ModelRequired,
    ModelUnavailable,
)
from service.contract.faults import raise_faults
from service.contract.methods import MethodInfo, find_method
from service.contract.params import InpaintParams, OutpaintParams
from service.contract.regions import Region
from service.submission.canvas import FIELDS
from service.submission.choice import Choice
from service.submission.planning import (
    call_key,
    check_painted_pixels,
    choose,
    cost,
    fill_defaults,
    find_mask_faults,
    find_unsupported,
)

REGIONS = [Region(box=[0, 0, 4, 4])]
NONE = Catalogue()
TINY = ModelEntry(name="tiny", family="stable-diffusion", source="/x", group="small")
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
    with pytest.raises(ModelRequired, match="The built-in model needs no weights"):
        choose("inpaint", InpaintParams(method="generate"), NONE)


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
    params = OutpaintParams(prompt="x", strength=1, num_images=2, mirror_style="exact", overlap=0)
    pointers = [fault.pointer for fault in find_unsupported(params, Choice(method, None))]
    assert pointers == ["/overlap", "/prompt", "/strength", "/num_images"]


def test_regions_and_a_threshold_conflict() -> None:
    (fault,) = find_mask_faults(InpaintParams(regions=REGIONS, mask_threshold=128))
    assert (fault.pointer, fault.code) == ("/mask_threshold", "conflicting_fields")
    assert find_mask_faults(InpaintParams(regions=REGIONS)) == []
    assert find_mask_faults(InpaintParams(mask_source="alpha", mask_threshold=1)) == []


def test_feather_is_refused_where_there_is_nothing_to_fade_into() -> None:
    (fault,) = find_mask_faults(InpaintParams(mask_source="alpha", feather=4))
    assert (fault.pointer, fault.code) == ("/feather", "conflicting_fields")
    assert find_mask_faults(InpaintParams(mask_source="alpha", feather=0)) == []


def test_fill_defaults_keeps_what_was_asked() -> None:
    choice = choose("inpaint", InpaintParams(), DEFAULT)
    asked = InpaintParams(strength=0.5, seed=3, grow=-2, output_format="jpeg", output_quality=7)
    params = fill_defaults(asked, choice)
    assert isinstance(params, InpaintParams)
    assert (params.strength, params.seed, params.grow, params.output_quality) == (0.5, 3, -2, 7)
    assert (params.method, params.model, params.prompt) == ("generate", "tiny", "")
    assert (params.guidance_scale, params.num_inference_steps) == (7.5, 25)


def test_fill_defaults_leaves_null_what_the_method_cannot_honor() -> None:
    params = fill_defaults(InpaintParams(), choose("inpaint", InpaintParams(), NONE))
    assert (params.prompt, params.strength, params.output_quality, params.model) == (None,) * 4


def test_fill_defaults_draws_seeds_that_differ() -> None:
    choice = choose("inpaint", InpaintParams(), NONE)
    assert len({fill_defaults(InpaintParams(), choice).seed for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("output_format", "lossless", "quality", "shown"),
    [
        (None, None, None, None),
        ("png", None, None, None),
        ("jpeg", None, 95, None),
        ("avif", None, 95, None),
        ("webp", None, 95, False),
        ("webp", False, 95, False),
        ("webp", True, None, True),
    ],
)
def test_fill_defaults_gives_a_quality_to_what_has_one(
    output_format: Any, lossless: bool | None, quality: int | None, shown: bool | None
) -> None:
    asked = InpaintParams(output_format=output_format, output_lossless=lossless)
    params = fill_defaults(asked, choose("inpaint", asked, NONE))
    assert (params.output_quality, params.output_lossless) == (quality, shown)
    assert params.keep_metadata is False


def test_fill_defaults_of_inpainting_has_no_feather_and_does_not_echo_regions() -> None:
    choice = choose("inpaint", InpaintParams(), NONE)
    for asked, threshold in ((InpaintParams(), 128), (InpaintParams(regions=REGIONS), None)):
        params = fill_defaults(asked, choice)
        assert isinstance(params, InpaintParams)
        assert (params.feather, params.regions, params.mask_threshold) == (0, None, threshold)
    kept = fill_defaults(InpaintParams(feather=9, keep_metadata=True), choice)
    assert isinstance(kept, InpaintParams)
    assert (kept.feather, kept.keep_metadata) == (9, True)


@pytest.mark.parametrize(("method", "overlap"), [("mirror", None), ("pattern", 0), ("generate", 0)])
def test_fill_defaults_gives_an_overlap_to_who_honors_it(method: Any, overlap: int | None) -> None:
    asked = OutpaintParams(left=1, method=method)
    params = fill_defaults(asked, choose("outpaint", asked, DEFAULT))
    assert isinstance(params, OutpaintParams)
    assert params.overlap == overlap


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"left": 3}, {"left": 3, "top": 0, "right": 0, "bottom": 0}),
        (
            {"top_percent": 2.5},
            {"left_percent": 0, "top_percent": 2.5, "right_percent": 0, "bottom_percent": 0},
        ),
        ({"aspect_ratio": "16:9"}, {"aspect_ratio": "16:9", "anchor": "center"}),
        ({"zoom_out": 2, "anchor": "top"}, {"zoom_out": 2, "anchor": "top"}),
        ({"width": 300, "height": 200}, {"width": 300, "height": 200, "anchor": "center"}),
        (
            {"width": 300, "height": 200, "x": 0, "y": 4},
            {"width": 300, "height": 200, "x": 0, "y": 4},
        ),
    ],
)
def test_fill_defaults_echoes_one_vocabulary(fields: dict[str, Any], shown: dict[str, Any]) -> None:
    asked = OutpaintParams.model_validate(fields)
    params = fill_defaults(asked, choose("outpaint", asked, NONE)).model_dump()
    names = [*(name for vocabulary in FIELDS.values() for name in vocabulary), "anchor"]
    assert {name: params[name] for name in names if params[name] is not None} == shown


def test_effective_parameters_pass_their_own_rules() -> None:
    for params in (
        OutpaintParams(left=3),
        OutpaintParams(left_percent=3),
        OutpaintParams(aspect_ratio=1.5),
        OutpaintParams(width=3, height=4),
        OutpaintParams(zoom_out=2),
    ):
        effective = fill_defaults(params, choose("outpaint", params, DEFAULT))
        assert OutpaintParams.model_validate_json(effective.model_dump_json()) == effective


def test_check_painted_pixels_counts_all_images() -> None:
    check_painted_pixels((8000, 4000), 2)
    with pytest.raises(ImageTooLarge):
        check_painted_pixels((8000, 4000), 3)


def test_batch_key_is_shared_only_by_what_one_call_can_paint() -> None:
    choice = choose("inpaint", InpaintParams(), DEFAULT)

    def key(size: tuple[int, int] = (64, 64), **fields: float) -> str:
        params = fill_defaults(InpaintParams.model_validate(fields), choice)
        return call_key("inpaint", params, choice, size)

    assert key(seed=1) == key(seed=2) != ""
    assert len({key(), key(strength=0.5), key(num_inference_steps=3), key((64, 128))}) == 4
    weight_free = choose("inpaint", InpaintParams(), NONE)
    assert call_key("inpaint", InpaintParams(), weight_free, (64, 64)) == ""


def test_cost_is_output_megapixels_with_a_floor() -> None:
    assert cost((2000, 1000), 3) == 6
    assert cost((64, 64), 1) == 0.1
    assert cost((2000, 1000), 2, (1000, 500)) == 5


def test_raise_faults_takes_the_shared_code() -> None:
    raise_faults([])
    both = [Fault("/a", "conflicting_fields", "m"), Fault("/b", "conflicting_fields", "m")]
    with pytest.raises(ConflictingFields) as caught:
        raise_faults(both)
    assert caught.value.faults == tuple(both)
    with pytest.raises(ConflictingFields) as single:
        raise_faults(both[:1])
    assert single.value.detail == "/a: m"
    with pytest.raises(InvalidField):
        raise_faults([*both, Fault("/c", "unknown_field", "m")])


def test_choice_is_made_without_looking_at_files(tmp_path: Path) -> None:
    entry = TINY.model_copy(update={"source": str(tmp_path / "absent"), "default": True})
    choice = choose("inpaint", InpaintParams(), Catalogue(models=(entry,)))
    assert isinstance(choice, Choice)


def test_generate_without_a_model_means_the_built_in_one() -> None:
    catalogue = load_catalogue(None, self_model=True)
    choice = choose("inpaint", InpaintParams(method="generate"), catalogue)
    assert choice.model is SELF_MODEL
    assert choice.queue == "paint-gpu:self"
    assert choose("inpaint", InpaintParams(), catalogue).method.name == "patch"
    asked = InpaintParams(prompt="x", infill="blur", guidance_scale=1, seed=1)
    faults = find_unsupported(asked, choice)
    assert [fault.pointer for fault in faults] == ["/guidance_scale", "/infill", "/prompt"]
    assert {fault.message for fault in faults} == {"model self does not support it"}
    params = fill_defaults(InpaintParams(method="generate", seed=1), choice)
    assert (params.prompt, params.infill, params.num_inference_steps) == (None, None, 24)


def test_a_known_model_is_refused_with_the_command_that_adds_it() -> None:
    catalogue = load_catalogue(None, self_model=True)
    with pytest.raises(ModelUnavailable, match="paintjob models pull flux2-klein-4b"):
        choose("inpaint", InpaintParams(model="flux2-klein-4b", method="generate"), catalogue)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_licence_is_refused_by_policy(tmp_path: Path, allowed: bool) -> None:
    file = tmp_path / "models.toml"
    file.write_text('[[models]]\nname = "flux1-fill"\nsource = "/models/fill"\ndefault = true\n')
    catalogue = load_catalogue(file, allow_non_commercial=allowed)
    if allowed:
        assert choose("inpaint", InpaintParams(), catalogue).model is catalogue.models[0]
        return
    with pytest.raises(LicenceRefused, match="PAINTJOB_ALLOW_NON_COMMERCIAL"):
        choose("inpaint", InpaintParams(), catalogue)
    assert catalogue.queues() == ["paint-cpu"]


def test_a_deterministic_job_has_no_mates() -> None:
    choice = Choice(_generate(), TINY)
    size = (64, 64)
    assert call_key("inpaint", InpaintParams(), choice, size)
    assert call_key("inpaint", InpaintParams(deterministic=True), choice, size) == ""


def _generate() -> MethodInfo:
    method = find_method("inpaint", "generate")
    assert method is not None
    return method
