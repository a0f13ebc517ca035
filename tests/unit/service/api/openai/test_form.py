from __future__ import annotations

import pytest

from service.api.openai.form import (
    MAX_SECONDS,
    PROMPT_UNUSED,
    Edits,
    MaskKind,
    read_edits,
)
from service.api.requests.fields import Fields
from service.contract.catalogue import SELF_MODEL, Catalogue, ModelEntry
from service.contract.params import InpaintParams

TRAINED = ModelEntry(name="good", family="flux-fill", source="/nowhere", default=True)


ALIASES = {"gpt-image-1": "auto", "dall-e-2": "patch"}


def _read(catalogue: Catalogue, mask: MaskKind = "clear", **texts: str) -> Edits:
    return read_edits(Fields({"prompt": "a door", **texts}, True), catalogue, ALIASES, mask)


def _params(edits: Edits) -> InpaintParams:
    assert edits.faults == ()
    assert edits.params is not None
    return edits.params


def test_read_edits_drops_the_prompt_where_nothing_takes_one() -> None:
    edits = _read(Catalogue())
    assert (_params(edits).prompt, edits.warnings) == (None, (PROMPT_UNUSED,))
    edits = _read(Catalogue(models=(SELF_MODEL,)), model="self")
    assert (_params(edits).prompt, edits.warnings) == (None, (PROMPT_UNUSED,))


def test_read_edits_keeps_the_prompt_for_a_model() -> None:
    edits = _read(Catalogue(models=(TRAINED,)))
    assert (_params(edits).prompt, edits.warnings) == ("a door", ())
    params = _params(_read(Catalogue(models=(TRAINED,)), model="good"))
    assert (params.method, params.model) == ("generate", "good")


@pytest.mark.parametrize(
    ("quality", "ours"), [("auto", None), ("low", "fast"), ("medium", "balanced"), ("high", "best")]
)
def test_read_edits_maps_qualities(quality: str, ours: str | None) -> None:
    assert _params(_read(Catalogue(), quality=quality)).quality == ours


def test_read_edits_maps_names_and_the_mask() -> None:
    texts = {"n": "3", "output_format": "webp", "output_compression": "70", "seed": "5"}
    params = _params(_read(Catalogue(), None, **texts))
    assert (params.num_images, params.output_quality, params.seed) == (3, 70, 5)
    assert (params.mask_source, params.mask_threshold) == ("alpha", 255)
    assert params.finish_within_seconds == MAX_SECONDS
    assert _params(_read(Catalogue())).mask_source is None


def test_read_edits_takes_a_white_mask_by_its_luminance() -> None:
    params = _params(_read(Catalogue(), "white"))
    assert (params.mask_source, params.mask_threshold) == (None, None)


def test_read_edits_maps_names_of_models() -> None:
    assert _params(_read(Catalogue(), model="gpt-image-1")).method is None
    assert _params(_read(Catalogue(), model="dall-e-2")).method == "patch"


def test_read_edits_maps_the_size_to_a_box() -> None:
    params = _params(_read(Catalogue(), size="1024x512"))
    assert (params.output_width, params.output_height) == (1024, 512)
    assert _params(_read(Catalogue(), size="auto")).output_width is None


@pytest.mark.parametrize(
    ("output_format", "compression", "quality"),
    [("png", "100", None), ("webp", "0", 1), ("jpeg", "100", 100)],
)
def test_read_edits_maps_the_compression(
    output_format: str, compression: str, quality: int | None
) -> None:
    texts = {"output_format": output_format, "output_compression": compression}
    assert _params(_read(Catalogue(), "clear", **texts)).output_quality == quality


def test_read_edits_reads_json_by_its_types() -> None:
    document = {"prompt": "x" * 32_000, "n": 2, "seed": 5, "tags": ["a"], "stream": True}
    edits = read_edits(Fields(document, False), Catalogue(models=(TRAINED,)), ALIASES, None)
    params = _params(edits)
    assert (params.num_images, params.seed, params.tags) == (2, 5, ["a"])
    assert len(params.prompt or "") == 32_000
    assert edits.form is not None
    assert edits.form.stream
