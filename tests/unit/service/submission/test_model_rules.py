from __future__ import annotations

from typing import Any

import pytest

from service.contract.catalogue import SELF_MODEL, ModelDefaults, ModelEntry
from service.contract.errors import InvalidField
from service.contract.params import InpaintParams, OutpaintParams
from service.submission.model_rules import check_shape, find_model_faults


def _entry(family: str, **defaults: Any) -> ModelEntry:
    return ModelEntry(
        name="tiny", family=family, source="/x", defaults=ModelDefaults.model_validate(defaults)
    )


@pytest.mark.parametrize(
    ("family", "asked", "pointers"),
    [
        ("stable-diffusion", {"strength": 0.1, "num_inference_steps": 9}, ["/strength"]),
        ("stable-diffusion", {"strength": 0.1, "num_inference_steps": 10}, []),
        ("stable-diffusion-xl", {"strength": 0.3, "num_inference_steps": 3}, ["/strength"]),
        ("stable-diffusion-xl", {"strength": 0.01}, ["/strength"]),
        ("flux-fill", {"strength": 0.001, "num_inference_steps": 1}, []),
        (
            "stable-diffusion",
            {"negative_prompt": "rain", "guidance_scale": 1},
            ["/negative_prompt"],
        ),
        ("stable-diffusion", {"negative_prompt": "", "guidance_scale": 0}, []),
        ("stable-diffusion", {"negative_prompt": "rain"}, []),
        ("z-image", {"negative_prompt": "rain", "guidance_scale": 0}, ["/negative_prompt"]),
        ("z-image", {"negative_prompt": "rain", "guidance_scale": 0.5}, []),
        ("kandinsky-2.2", {"negative_prompt": "rain", "guidance_scale": 0}, []),
        ("stable-diffusion", {"region": "full", "padding": 0}, ["/padding"]),
        ("stable-diffusion", {"region": "box", "padding": 8, "infill": "original"}, []),
    ],
)
def test_what_a_model_cannot_do_with_the_rest_is_refused(
    family: str, asked: dict[str, Any], pointers: list[str]
) -> None:
    faults = find_model_faults(InpaintParams.model_validate(asked), _entry(family))
    assert [fault.pointer for fault in faults] == pointers


def test_the_models_own_defaults_count() -> None:
    turbo = _entry("stable-diffusion", guidance_scale=1.0, num_inference_steps=4, strength=0.2)
    [step, unguided] = find_model_faults(InpaintParams(negative_prompt="rain"), turbo)
    assert (step.pointer, step.code) == ("/num_inference_steps", "conflicting_fields")
    assert "strength 0.2 of 4 steps" in step.message
    assert (unguided.pointer, unguided.code) == ("/negative_prompt", "conflicting_fields")
    assert "guidance_scale above 1, not 1" in unguided.message


def test_there_is_no_original_beyond_a_picture() -> None:
    asked = OutpaintParams(left=8, infill="original")
    [fault] = find_model_faults(asked, _entry("stable-diffusion"))
    assert (fault.pointer, fault.code) == ("/infill", "invalid_field")


def test_what_a_family_refuses_anyway_is_not_told_twice() -> None:
    asked = InpaintParams(strength=0.001, negative_prompt="x", region="full", padding=1)
    assert find_model_faults(asked, SELF_MODEL) == []


@pytest.mark.parametrize(
    ("size", "match"), [((63, 100), "64 pixels"), ((64, 1025), "16 times"), ((1, 1), "64 pixels")]
)
def test_shapes_that_a_model_sees_too_little_of_are_refused(
    size: tuple[int, int], match: str
) -> None:
    with pytest.raises(InvalidField, match=match):
        check_shape(size, "picture")
    check_shape((64, 1024), "picture")
