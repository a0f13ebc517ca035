"""When `auto` means an eraser, and what erasers refuse."""

from __future__ import annotations

import pytest

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.params import InpaintParams, OutpaintParams
from service.submission.planning import choose, fill_defaults, find_unsupported

MI_GAN = ModelEntry(name="mi-gan", family="mi-gan", source="/m")
LAMA = ModelEntry(name="lama", family="lama", source="/l", commercial=False)
KLEIN = ModelEntry(name="klein", family="flux2-klein", source="/k", default=True)
ERASERS = Catalogue(models=(LAMA, MI_GAN))
BOTH = Catalogue(models=(KLEIN, MI_GAN))


def test_auto_means_the_first_eraser_that_may_be_used_where_no_prompt_is_sent() -> None:
    for catalogue in (ERASERS, BOTH):
        choice = choose("inpaint", InpaintParams(grow=4, region="box"), catalogue)
        assert (choice.method.name, choice.model, choice.queue) == (
            "generate",
            MI_GAN,
            "paint-gpu:erase",
        )
    assert choose("inpaint", InpaintParams(intent="remove"), BOTH).model == MI_GAN


@pytest.mark.parametrize(
    "asked",
    [{"prompt": "a tree"}, {"strength": 0.5}, {"num_images": 2}, {"intent": "replace"}],
)
def test_auto_means_the_default_where_an_eraser_cannot_honor_all(asked: dict[str, object]) -> None:
    params = InpaintParams.model_validate(asked)
    assert choose("inpaint", params, BOTH).model == KLEIN


def test_auto_paints_without_weights_what_only_that_can() -> None:
    for params in (InpaintParams(quality="best"), InpaintParams(num_images=3)):
        assert choose("inpaint", params, ERASERS).method.name == "patch"
    assert choose("inpaint", InpaintParams(), ERASERS, {"source_mask"}).method.name == "patch"
    assert choose("outpaint", OutpaintParams(left=9), ERASERS).method.name == "pattern"


def test_auto_leaves_an_eraser_out_whose_workers_are_absent() -> None:
    asked: list[str] = []

    def is_served(queue: str) -> bool:
        asked.append(queue)
        return False

    assert choose("inpaint", InpaintParams(), ERASERS, (), is_served).method.name == "patch"
    assert choose("inpaint", InpaintParams(), BOTH, (), is_served).model == KLEIN
    assert asked == ["paint-gpu:erase"] * 2


def test_an_eraser_refuses_what_it_cannot_honor() -> None:
    params = InpaintParams(
        model="mi-gan", prompt="x", strength=0.5, num_inference_steps=4, infill="blur", num_images=2
    )
    faults = find_unsupported(params, choose("inpaint", params, ERASERS))
    assert [fault.pointer for fault in faults] == [
        "/infill",
        "/num_inference_steps",
        "/prompt",
        "/strength",
        "/num_images",
    ]
    assert faults[-1].message == "model mi-gan paints the same picture every time; it must be 1"
    wide = OutpaintParams(model="mi-gan", left=9)
    [fault] = find_unsupported(wide, choose("outpaint", wide, ERASERS))
    assert fault.pointer == "/model"
    assert "fills holes and does not extend pictures" in fault.message


def test_defaults_of_an_eraser_name_nothing_that_it_refuses() -> None:
    params = fill_defaults(InpaintParams(), choose("inpaint", InpaintParams(), ERASERS))
    assert (params.model, params.region, params.prompt, params.infill) == (
        "mi-gan",
        "auto",
        None,
        None,
    )
    assert params.num_inference_steps is None


def test_an_eraser_is_no_default_and_has_a_group_of_its_own() -> None:
    assert MI_GAN.group == "erase"
    assert MI_GAN.model_copy(update={"group": "mine"}).group == "mine"
    with pytest.raises(ValueError, match="default is not for erasers"):
        ModelEntry(name="m", family="mi-gan", source="/m", default=True)
