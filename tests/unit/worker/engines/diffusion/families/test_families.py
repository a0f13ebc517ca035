from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.configuration_utils import FrozenDict
from PIL import Image

from service.contract.catalogue import ModelEntry
from service.contract.families import FAMILIES
from tests.support.tiny_pipelines import BUILDERS
from tests.unit.worker.engines.diffusion.painting import (
    ALL_FAMILIES,
    LIBRARY_WARNINGS,
    calls_of,
    canvas_of,
    count_encoder_runs,
    ignore,
    largest_difference,
    model_of,
    outpaint_canvas,
    paint,
)
from worker.engines.base import Canvas, MakePreviews
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families import ADAPTERS
from worker.engines.diffusion.families.base import CallInputs, Settings
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.outputs import find_picture
from worker.engines.diffusion.planning import find_sequence_length
from worker.engines.diffusion.running import PaintedPicture
from worker.engines.diffusion.sheets import Sheet
from worker.reporting import Aborted

pytestmark = LIBRARY_WARNINGS

EngineOf = Callable[[str], DiffusionEngine]


def inputs_of(model: LoadedModel, canvas: Canvas) -> CallInputs:
    [call] = calls_of([canvas], model)
    return call.to_inputs(model.entry)


def arguments_of(model: LoadedModel, inputs: CallInputs) -> dict[str, Any]:
    def embed(text: str) -> Any:
        with torch.no_grad():
            return model.adapter.encode(model.pipeline, text, inputs.settings.max_sequence_length)

    return model.adapter.arguments(model.pipeline, inputs, embed)


def is_same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(is_same, first, second))
    if isinstance(first, torch.Generator):
        return True
    return bool(first == second)


def test_every_family_with_weights_has_an_adapter_and_a_tiny_pipeline() -> None:
    diffusion = {name for name, family in FAMILIES.items() if family.kind == "diffusion"}
    assert set(ADAPTERS) == diffusion - {"self"} == set(BUILDERS)


@pytest.mark.parametrize("family", ADAPTERS)
def test_the_class_of_a_family_is_in_diffusers_and_takes_the_settings(family: str) -> None:
    adapter, traits = ADAPTERS[family], FAMILIES[family]
    taken = set(inspect.signature(getattr(diffusers, traits.pipeline).__call__).parameters)
    pictures = {adapter.image, adapter.mask or adapter.image}
    assert {*pictures, "generator", "num_inference_steps", "prompt"} <= taken
    assert traits.takes_reference == (adapter.reference is not None)
    assert adapter.reference is None or adapter.reference in taken
    assert set(adapter.callbacks(lambda _latents: None)) <= taken
    assert ("strength" in traits.honors) == adapter.takes_strength == ("strength" in taken)
    assert adapter.guidance is None or adapter.guidance in taken
    assert (adapter.sequence_length is not None) == ("max_sequence_length" in taken)
    if "negative_prompt" in traits.honors:
        assert "negative_prompt" in taken


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_the_family_tells_when_a_negative_prompt_counts_and_a_step_is_run(
    family: str, engine_of: EngineOf
) -> None:
    model, traits = model_of(engine_of(family)), FAMILIES[family]
    settings = Settings(64, 64, steps=2, strength=0.25, guidance_scale=1.0)
    if "negative_prompt" in traits.honors and traits.guided_above is not None:
        for scale in (0.0, 0.5, 1.0, 1.5):
            is_guided = model.adapter.is_guided(
                model.pipeline, replace(settings, guidance_scale=scale)
            )
            assert is_guided == (scale > traits.guided_above)
    if model.adapter.takes_strength:
        steps = model.adapter.steps_run(model.pipeline, settings)
        assert (steps >= 1) == traits.runs_part_steps


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_the_end_of_a_prompt_counts_as_long_as_it_is_said_to_be_read(
    family: str, engine_of: EngineOf
) -> None:
    model = model_of(engine_of(family))
    adapter, length = model.adapter, find_sequence_length(model.entry, model.adapter)
    if family in ("qwen-image-edit", "longcat-image-edit"):
        pytest.skip("its text is encoded with a picture; see below")

    def spare(text: str) -> int:
        needed, room = adapter.count_tokens(model.pipeline, text, length)
        return room - needed

    fits = "x"
    while spare(f"{fits}x") >= 0:
        fits += "x"
    assert spare(fits) == 0
    assert reads_last_letter(model, fits, length)
    assert not reads_last_letter(model, fits + "x" * 40, length)


def reads_last_letter(model: LoadedModel, text: str, length: int | None) -> bool:
    # Kandinsky's adapter hands texts on; its prior's encoder is what reads them.
    if model.entry.family == "kandinsky-2.2":
        prior = model.pipeline.prior_pipe
        first, second = (
            prior._encode_prompt(one, "cpu", 1, False)[1] for one in (text, f"{text[:-1]}y")
        )
        return not torch.equal(first, second)
    with torch.no_grad():
        first, second = (
            model.adapter.encode(model.pipeline, one, length) for one in (text, f"{text[:-1]}y")
        )
    return any(not is_same(first[name], second[name]) for name in first)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_call_is_given_what_the_pipeline_takes_and_the_family_honors(
    family: str, engine_of: EngineOf
) -> None:
    model = model_of(engine_of(family))
    inputs = inputs_of(model, canvas_of(1))
    arguments = arguments_of(model, inputs)
    taken = inspect.signature(type(model.pipeline).__call__).parameters
    assert set(arguments) <= set(taken)
    changed = {
        "prompt": replace(inputs, prompts=["another"]),
        "negative_prompt": replace(inputs, negative_prompts=["another"]),
        "strength": replace(inputs, settings=replace(inputs.settings, strength=0.5)),
        "guidance_scale": replace(inputs, settings=replace(inputs.settings, guidance_scale=2.0)),
    }
    honored = {field for field, asked in changed.items() if not same_call(model, arguments, asked)}
    assert honored == FAMILIES[family].honors


def same_call(model: LoadedModel, arguments: dict[str, Any], inputs: CallInputs) -> bool:
    others = arguments_of(model, inputs)
    return others.keys() == arguments.keys() and all(
        is_same(value, others[name]) for name, value in arguments.items()
    )


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_job_gets_what_a_bare_call_paints(family: str, engine_of: EngineOf) -> None:
    engine = engine_of(family)
    model, canvas = model_of(engine), canvas_of(1, negative_prompt="rain")
    [call] = calls_of([canvas], model)
    [picture], inputs = call.pictures, call.to_inputs(model.entry)
    with model.adapter.calling(model.pipeline, inputs.settings, lambda _latents: None):
        output = model.pipeline(**bare_arguments(family, inputs))
    bare = find_picture(model.adapter.to_pictures(model.pipeline, output, inputs)[0], picture.frame)
    assert bare is not None
    sheet = Sheet(canvas, model)
    sheet.put(picture, PaintedPicture(bare, call))
    assert largest_difference(sheet.finish().image, paint(engine, [canvas])[0]) <= 1


def bare_arguments(family: str, inputs: CallInputs) -> dict[str, Any]:
    """What a user of diffusers would give the class, by its own documentation."""
    traits, settings = FAMILIES[family], inputs.settings
    is_single = not traits.shares_calls
    generators = [torch.Generator().manual_seed(seed) for seed in inputs.seeds]
    given: dict[str, Any] = {
        "prompt": list(inputs.prompts),
        "image": list(inputs.images),
        "mask_image": list(inputs.masks),
        "generator": generators[0] if is_single else generators,
        "num_inference_steps": settings.steps,
        "output_type": "np",
    }
    size = {"width": settings.width, "height": settings.height}
    given |= {} if family in ("flux2-klein", "qwen-image-edit", "longcat-image-edit") else size
    given |= {"strength": settings.strength} if "strength" in traits.honors else {}
    scale = "true_cfg_scale" if traits.guidance == "true_cfg" else "guidance_scale"
    given[scale] = settings.guidance_scale
    if "negative_prompt" in traits.honors:
        given["negative_prompt"] = list(inputs.negative_prompts)
    if "max_sequence_length" in signature_of(family):
        given["max_sequence_length"] = settings.max_sequence_length
    return given | special_arguments(family, given, settings)


def special_arguments(family: str, given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    if family == "qwen-image-controlnet":
        return {"control_image": given.pop("image"), "control_mask": given.pop("mask_image")}
    if family == "z-image-controlnet":
        gray = Image.new("RGB", (settings.width, settings.height), (128, 128, 128))
        return {"control_image": [gray]}
    if family == "longcat-image-edit":
        del given["mask_image"]
        return {"image": given["image"][0]}
    if family == "stable-diffusion-3":
        # Its own decoding forgets the shift: see the adapter.
        return {"output_type": "latent"}
    return {}


def signature_of(family: str) -> set[str]:
    pipeline_class = getattr(diffusers, FAMILIES[family].pipeline)
    return set(inspect.signature(pipeline_class.__call__).parameters)


@pytest.mark.slow
def test_longcat_is_given_no_more_than_it_reads(engine_of: EngineOf) -> None:
    model = model_of(engine_of("longcat-image-edit"))
    count = model.adapter.count_tokens
    for letters, text in ((511, "x" * 511), (600, "x" * 600), (614, f"say '{'x' * 608}'")):
        assert count(model.pipeline, text, None) == (letters, 512)
        [painted] = engine_of("longcat-image-edit").paint([canvas_of(0, prompt=text)], ignore)
        assert [one.code for one in painted.warnings] == ["prompt_cut"] * (letters > 512)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_text_is_encoded_once(family: str, engine_of: EngineOf) -> None:
    engine = engine_of(family)
    if not ADAPTERS[family].encodes_alone:
        pytest.skip("what it makes of a prompt depends on the seed, or on the picture")
    ran, handles = count_encoder_runs(model_of(engine))
    canvas = canvas_of(1, prompt=f"never seen by {family}")
    first = paint(engine, [canvas])
    assert ran
    ran.clear()
    again = paint(engine, [canvas, replace(canvas, seed=2)])
    assert not ran
    assert largest_difference(first[0], again[0]) <= 1
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_family_paints_pictures_of_any_size_and_a_seed_decides(
    family: str, engine_of: EngineOf
) -> None:
    engine = engine_of(family)
    canvas = canvas_of(2, 91, 61)
    images = paint(engine, [canvas, replace(canvas, seed=9), canvas_of(1, 64, 150), canvas])
    assert [image.shape for image in images] == [(61, 91, 3)] * 2 + [(150, 64, 3), (61, 91, 3)]
    assert all(image.dtype == np.uint8 for image in images)
    inside = canvas.mask > 0
    assert largest_difference(images[0][inside], images[1][inside]) > 8
    assert largest_difference(images[0], images[3]) <= 1
    assert np.array_equal(paint(engine, [canvas])[0], paint(engine, [canvas])[0])


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_family_outpaints(family: str, engine_of: EngineOf) -> None:
    canvas = outpaint_canvas()
    [image] = paint(engine_of(family), [canvas])
    assert image.shape == (61, 97, 3)
    assert image[canvas.mask > 0].std() > 1


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_picture_of_a_call_gets_what_it_gets_alone(family: str, engine_of: EngineOf) -> None:
    engine = engine_of(family)
    canvases = [canvas_of(seed, negative_prompt="x" * seed) for seed in range(4)]
    together = paint(engine, canvases)
    for canvas, image in zip(canvases, together, strict=True):
        assert largest_difference(paint(engine, [canvas])[0], image) <= 1


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_progress_counts_to_the_steps_that_are_run(family: str, engine_of: EngineOf) -> None:
    engine, told = engine_of(family), list[tuple[int, int]]()
    honors = FAMILIES[family].honors
    asked: dict[str, Any] = {"strength": 0.5} if "strength" in honors else {}
    canvas = canvas_of(0, num_inference_steps=5, **asked)
    [painted] = engine.paint([canvas], lambda step, steps: told.append((step, steps)))
    total = painted.details["steps_run"]
    assert told == [(step, total) for step in range(1, total + 1)]
    if family != "kandinsky-2.2":
        assert total == model_of(engine).pipeline.num_timesteps


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_a_family_paints_as_a_fresh_pipeline_after_an_abort(
    family: str, engine_of: EngineOf, entry_of: Callable[[str], ModelEntry]
) -> None:
    engine, canvas, heard = engine_of(family), canvas_of(2), list[int]()

    def abort_at_two(step: int, _steps: int) -> None:
        heard.append(step)
        if step == 2:
            raise Aborted

    ran, handle = watch_module(model_of(engine).autoencoder.decoder)
    with pytest.raises(Aborted):
        paint(engine, [canvas], abort_at_two)
    handle.remove()
    # It left within the step: nothing was decoded any more.
    assert ran == []
    # An infill that takes time asks before there is a step, too.
    assert [step for step in heard if step] == [1, 2]
    fresh = DiffusionEngine(entry_of(family), threads=1)
    assert np.array_equal(paint(engine, [canvas])[0], paint(fresh, [canvas])[0])


def watch_module(module: Any) -> tuple[list[Any], Any]:
    ran: list[Any] = []
    return ran, module.register_forward_pre_hook(lambda one, _inputs: ran.append(type(one)))


@pytest.mark.slow
def test_klein_is_guided_where_its_weights_are_not_distilled(
    entry_of: Callable[[str], ModelEntry],
) -> None:
    engine, canvases = (
        DiffusionEngine(entry_of("flux2-klein"), threads=1),
        [canvas_of(0), canvas_of(1)],
    )
    distilled = paint(engine, canvases)
    model_of(engine).pipeline.register_to_config(is_distilled=False)
    guided = engine.paint(canvases, ignore)
    for canvas, image, painted in zip(canvases, distilled, guided, strict=True):
        assert painted.details["guidance_scale"] == 3.0
        assert not np.array_equal(image, painted.image)
        assert largest_difference(paint(engine, [canvas])[0], painted.image) <= 1


@pytest.mark.slow
def test_sdxl_takes_zeros_for_no_negative_prompt(engine_of: EngineOf) -> None:
    model = model_of(engine_of("stable-diffusion-xl"))
    first, second = (
        arguments_of(model, inputs_of(model, canvas_of(0, negative_prompt=text)))
        for text in ("", "rain")
    )
    assert not first["negative_prompt_embeds"].any()
    assert second["negative_pooled_prompt_embeds"].any()


def test_sdxl_undoes_the_norm_of_autoencoders_that_have_one() -> None:
    settings = Settings(width=64, height=64, steps=1, strength=1, guidance_scale=1)
    library: Any = FrozenDict
    config = library(latents_mean=[0, 1, 2, 3], latents_std=[1, 2, 3, 4], scaling_factor=0.5)
    pipeline = SimpleNamespace(vae=SimpleNamespace(config=config))
    adapter = ADAPTERS["stable-diffusion-xl"]
    found = adapter.to_decodable(pipeline, torch.ones((1, 4, 2, 2)), settings)
    assert found[0, :, 0, 0].tolist() == [2, 5, 8, 11]


@pytest.mark.slow
def test_stable_diffusion_3_decodes_with_the_shift(engine_of: EngineOf) -> None:
    model = model_of(engine_of("stable-diffusion-3"))
    inputs = inputs_of(model, canvas_of(0))
    output = model.pipeline(**arguments_of(model, inputs))
    [found] = model.adapter.to_pictures(model.pipeline, output, inputs)
    config = model.autoencoder.config
    latents = output.images / config.scaling_factor + config.shift_factor
    with torch.no_grad():
        decoded = model.autoencoder.decode(latents).sample[0]
    wanted = (decoded / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).numpy()
    assert np.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_previews_follow_the_picture(family: str, engine_of: EngineOf) -> None:
    engine, seen = engine_of(family), list[dict[int, tuple[int, ...]]]()

    def look(make: MakePreviews) -> None:
        seen.append({index: preview.shape for index, preview in make().items()})

    engine.paint([canvas_of(0), canvas_of(1)], ignore, look)
    merged = [index for shapes in seen for index in shapes]
    assert sorted(merged) == [0, 0, 0, 1, 1, 1]
    assert {shape for shapes in seen for shape in shapes.values()} == {(60, 90, 3)}


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_the_recipe_tells_what_painting_again_takes(family: str, engine_of: EngineOf) -> None:
    engine, honors = engine_of(family), FAMILIES[family].honors
    recipe = engine.load()
    [painted] = engine.paint([canvas_of(3)], ignore)
    assert recipe.details["pipeline"] == FAMILIES[family].pipeline
    assert recipe.scheduler is not None and recipe.dtype == "float32"
    assert painted.details["seed"] == 3
    assert painted.details["num_inference_steps"] == 3
    for field in ("strength", "guidance_scale"):
        assert (field in painted.details) == (field in honors)
    assert painted.details.get("max_sequence_length") == engine_length(engine)


def engine_length(engine: DiffusionEngine) -> int | None:
    return model_of(engine).entry.max_sequence_length
