"""The choice of finders, and of the one queue that has all that a job needs."""

from __future__ import annotations

import pytest

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.errors import ConflictingFields, LicenceRefused, ModelRequired
from service.contract.finders import GRABCUT, TEXT_FINDER, FinderEntry, FinderQuery
from service.contract.names import CPU_QUEUE
from service.contract.params import InpaintParams, MaskParams
from service.contract.regions import Region
from service.submission.finding import choose_finders, choose_queue
from service.submission.planning import choose, cost

WORDS = FinderEntry(name="words", family="grounding-dino", group="eyes")
SUBJECTS = FinderEntry(name="subjects", family="birefnet", group="eyes", commercial=False)
CLICKS = FinderEntry(name="clicks", family="sam2", group="hands")
TEXT, RED = Region(find="text"), Region(find="a red cup")


def test_choose_finders_takes_the_first_that_answers() -> None:
    catalogue = Catalogue(finders=(SUBJECTS, GRABCUT), allow_non_commercial=True)
    box = Region(box=[0, 0, 2, 2], refine=True)
    chosen = choose_finders([Region(find="subject"), box], catalogue)
    assert chosen == {"subject": SUBJECTS, "box": GRABCUT}
    assert choose_finders([Region(box=[0, 0, 2, 2])], catalogue) == {}


def test_choose_finders_says_what_to_add_for_each_region_that_nobody_finds() -> None:
    catalogue = Catalogue(known_finders=(CLICKS,))
    with pytest.raises(ModelRequired) as caught:
        choose_finders([TEXT, Region(point=[1, 1]), RED], catalogue)
    text, point, words = caught.value.faults
    assert (text.pointer, point.pointer, words.pointer) == (
        "/regions/0/find",
        "/regions/1/point",
        "/regions/2/find",
    )
    assert "PAINTJOB_TEXT_FINDER=true" in text.message
    assert "`paintjob models pull clicks`" in point.message
    assert "PAINTJOB_MODELS_FILE" in words.message


def test_choose_finders_refuses_a_license_that_the_policy_forbids() -> None:
    with pytest.raises(ModelRequired) as caught:
        choose_finders([Region(find="subject")], Catalogue(finders=(SUBJECTS,)))
    (fault,) = caught.value.faults
    assert fault.code == LicenceRefused.code


def test_choose_queue_is_that_of_the_one_group() -> None:
    model = ModelEntry(name="m", family="flux-fill", group="eyes")
    everywhere: dict[FinderQuery, FinderEntry] = {"subject": GRABCUT, "text": TEXT_FINDER}
    assert choose_queue(None, everywhere) == CPU_QUEUE
    assert choose_queue(model, everywhere) == "paint-gpu:eyes"
    assert choose_queue(model, {"words": WORDS}) == "paint-gpu:eyes"
    assert choose_queue(None, {"words": WORDS, "text": TEXT_FINDER}) == "paint-gpu:eyes"


def test_choose_queue_refuses_what_no_worker_has_and_says_both_ways_out() -> None:
    with pytest.raises(ConflictingFields, match=r"POST /masks.*one `group`"):
        choose_queue(None, {"words": WORDS, "points": CLICKS})


def test_choose_passes_over_an_eraser_in_another_queue_than_the_finder() -> None:
    eraser = ModelEntry(name="e", family="mi-gan", group="erase")
    catalogue = Catalogue(models=(eraser,), finders=(WORDS, GRABCUT))
    params = InpaintParams(regions=[RED])
    assert choose("inpaint", params, catalogue, finders={"words": WORDS}).method.name == "patch"
    assert choose("inpaint", params, catalogue).model is eraser


def test_choose_needs_no_model_for_a_mask() -> None:
    choice = choose("mask", MaskParams(regions=[TEXT]), Catalogue(finders=(TEXT_FINDER,)))
    assert (choice.method.name, choice.model, choice.queue) == ("find", None, CPU_QUEUE)


def test_cost_has_the_picture_once_more_for_each_search() -> None:
    assert cost((1000, 1000), 2, None, 3) == 5.0
