from __future__ import annotations

import pytest

from service.api.openai.form import MAX_SECONDS, PROMPT_UNUSED, Edits, read_edits
from service.api.requests.fields import Fields
from service.contract.catalogue import SELF_MODEL, Catalogue, ModelEntry
from service.contract.params import InpaintParams

TRAINED = ModelEntry(name="good", family="flux-fill", source="/nowhere", default=True)


def _read(catalogue: Catalogue, *, has_mask: bool = True, **texts: str) -> Edits:
    return read_edits(Fields({"prompt": "a door", **texts}, True), catalogue, has_mask=has_mask)


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
    params = _params(_read(Catalogue(), has_mask=False, **texts))
    assert (params.num_images, params.output_quality, params.seed) == (3, 70, 5)
    assert (params.mask_source, params.mask_threshold) == ("alpha", 255)
    assert params.finish_within_seconds == MAX_SECONDS
    assert _params(_read(Catalogue())).mask_source is None
