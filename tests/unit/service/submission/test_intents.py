"""What an intent chooses and sets, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.contract.catalogue import SELF_MODEL, Catalogue, ModelEntry, load_catalogue
from service.contract.families import FAMILIES
from service.contract.intents import IntentSettings, intents_of_family, intents_of_method
from service.contract.loras import OptionalLora
from service.contract.methods import METHODS
from service.contract.params import INTENTS, InpaintParams, OutpaintParams
from service.submission.choice import find_intent_faults, find_origins
from service.submission.model_rules import find_model_faults
from service.submission.planning import call_key, choose, fill_defaults

NONE = Catalogue()
KLEIN = ModelEntry(name="klein", family="flux2-klein", source="/x")
CONTROL = ModelEntry(name="control", family="qwen-image-controlnet", source="/x", default=True)
SMALL = ModelEntry(name="small", family="stable-diffusion", source="/x")


def _inpaint(**fields: Any) -> InpaintParams:
    return InpaintParams.model_validate(fields)


@pytest.mark.parametrize(
    ("asked", "models", "method", "model"),
    [
        ({"intent": "remove"}, (), "patch", None),
        ({"intent": "remove"}, (CONTROL,), "generate", "control"),
        ({"intent": "remove"}, (KLEIN,), "patch", None),
        ({"intent": "remove", "prompt": "grass"}, (KLEIN,), "generate", "klein"),
        # Its default cannot modify: the first of the others that can.
        ({"intent": "modify"}, (CONTROL, KLEIN, SMALL), "generate", "klein"),
        ({"intent": "modify", "method": "generate"}, (CONTROL, SMALL), "generate", "small"),
        ({"intent": "modify", "model": "small"}, (CONTROL, KLEIN, SMALL), "generate", "small"),
        ({"intent": "remove", "method": "generate"}, (SELF_MODEL,), "generate", "self"),
    ],
)
def test_auto_means_what_honors_the_intent(
    asked: dict[str, Any], models: tuple[ModelEntry, ...], method: str, model: str | None
) -> None:
    choice = choose("inpaint", _inpaint(**asked), Catalogue(models=models))
    assert (choice.method.name, choice.model and choice.model.name) == (method, model)
    assert find_intent_faults(_inpaint(**asked), choice) == []


@pytest.mark.parametrize(
    ("asked", "models", "text"),
    [
        ({"intent": "extend"}, (KLEIN,), "extend is for POST /outpaint; POST /inpaint takes"),
        ({"intent": "replace"}, (), "method patch cannot honor replace, but remove;"),
        ({"intent": "modify"}, (CONTROL,), "model control cannot honor modify, but remove, rep"),
        ({"intent": "replace", "method": "generate"}, (SELF_MODEL,), "model self cannot honor"),
    ],
)
def test_what_cannot_be_honored_is_refused_by_name(
    asked: dict[str, Any], models: tuple[ModelEntry, ...], text: str
) -> None:
    params = _inpaint(**asked)
    [fault] = find_intent_faults(params, choose("inpaint", params, Catalogue(models=models)))
    assert (fault.pointer, fault.code) == ("/intent", "parameter_not_supported")
    assert text in fault.message
    assert fault.allowed is not None and asked["intent"] not in fault.allowed


def test_outpainting_extends_by_any_method_and_does_nothing_else() -> None:
    for method in ("mirror", "pattern"):
        params = OutpaintParams(left=8, intent="extend", method=method)
        assert find_intent_faults(params, choose("outpaint", params, NONE)) == []
    params = OutpaintParams(left=8, intent="remove")
    [fault] = find_intent_faults(params, choose("outpaint", params, NONE))
    assert "remove is for POST /inpaint" in fault.message


def test_an_intent_sets_what_the_request_leaves_open() -> None:
    asked = _inpaint(intent="remove", model="klein", prompt="grass", grow=2, seed=1)
    choice = choose("inpaint", asked, Catalogue(models=(KLEIN,)))
    params = fill_defaults(asked, choice)
    assert isinstance(params, InpaintParams)
    assert (params.intent, params.infill, params.strength, params.grow) == (
        "remove",
        "patch",
        1.0,
        2,
    )
    assert params.painted_prompt == "Continue the background. grass"
    assert find_origins(asked, choice) == {
        "grow": "request",
        "infill": "intent",
        "prompt_template": "intent",
        "strength": "intent",
    }


def test_without_an_intent_nothing_is_set() -> None:
    asked = _inpaint(model="klein", prompt="grass", seed=1)
    choice = choose("inpaint", asked, Catalogue(models=(KLEIN,)))
    params = fill_defaults(asked, choice)
    assert isinstance(params, InpaintParams)
    assert (params.intent, params.infill, params.grow, params.prompt_template) == (
        None,
        "auto",
        0,
        None,
    )
    assert (params.painted_prompt, find_origins(asked, choice)) == ("grass", {})


@pytest.mark.parametrize(
    ("template", "prompt", "text"),
    [
        (None, "a {prompt}", "a {prompt}"),
        ("{prompt}", " as sent", "as sent"),
        ("background, {prompt}", "sand", "background, sand"),
        ("background, {prompt}", None, "background"),
        ("Remove it.", "sand", "Remove it."),
    ],
)
def test_a_template_surrounds_the_prompt(
    template: str | None, prompt: str | None, text: str
) -> None:
    assert _inpaint(prompt_template=template, prompt=prompt).painted_prompt == text


def test_every_intent_that_is_listed_sets_what_is_honored() -> None:
    for name in (one.name for one in FAMILIES.values() if one.kind == "diffusion"):
        # Validated with the entry: what a family refuses no intent may set.
        entry = ModelEntry(name="any", family=name)
        assert {"remove", "extend"} <= set(entry.honored_intents)
        assert ("replace" in entry.honored_intents) == ("prompt" in entry.traits.honors)
        for intent, settings in entry.honored_intents.items():
            if settings.strength is not None and settings.strength < 1:
                assert find_model_faults(_inpaint(intent=intent), entry) == []
    for method in METHODS:
        if not method.needs_model:
            assert set(intents_of_method(method.name)) <= set(INTENTS[method.operation])


def test_an_entry_completes_its_family_and_honors_only_what_it_lists() -> None:
    eraser = ModelEntry(
        name="only", family="stable-diffusion-xl", intents={"remove": IntentSettings(grow=20)}
    )
    of_family = intents_of_family("stable-diffusion-xl")["remove"]
    assert eraser.honored_intents == {"remove": of_family.model_copy(update={"grow": 20})}


def test_an_entry_that_sets_what_its_family_refuses_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(
        '[[models]]\nname = "a"\nfamily = "qwen-image-controlnet"\nsource = "/x"\n'
        "intents = { modify = { strength = 0.5 } }\n"
    )
    with pytest.raises(ValueError, match=r"intents.modify sets strength, which it refuses"):
        load_catalogue(file)


def test_the_strength_of_an_intent_leaves_a_step() -> None:
    few = SMALL.model_copy(
        update={"defaults": SMALL.defaults.model_copy(update={"num_inference_steps": 1})}
    )
    [fault] = find_model_faults(_inpaint(intent="modify"), few)
    assert "strength 0.6 of 1 steps" in fault.message


def test_jobs_with_different_loras_never_share_a_call() -> None:
    lora = OptionalLora(source="/x", licence="MIT", scale=0.8)
    model = KLEIN.model_copy(update={"optional_loras": {"snow": lora}})
    keys = []
    for asked in (None, [], [{"name": "snow"}], [{"name": "snow", "scale": 0.5}]):
        params = _inpaint(model="klein", loras=asked)
        choice = choose("inpaint", params, Catalogue(models=(model,)))
        filled = fill_defaults(params, choice)
        keys.append(call_key("inpaint", filled, choice, (64, 64)))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert "0.8" in keys[2]
