"""Each finder's masks are those of transformers' own class, called bare."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.contract.errors import ModelUnavailable
from service.contract.finders import FinderEntry
from tests.support.bare_finders import (
    BareThing,
    detect_by_grounding_dino,
    detect_by_owlv2,
    find_by_sam2,
    find_by_sam3,
)
from tests.support.tiny_finders import (
    save_grounding_dino,
    save_owlv2,
    save_sam2,
    save_sam2_video,
    save_sam3,
)
from worker.engines.diffusion.finders.detectors import GroundingDinoFinder, Owlv2Finder
from worker.engines.diffusion.finders.sam2 import Sam2Finder
from worker.engines.diffusion.finders.sam3 import Sam3Finder
from worker.engines.finders.base import Found, Query
from worker.engines.finders.building import build_finder
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

WIDTH, HEIGHT = 90, 60
WORDS = Query("words", 0.0, words="a red cup")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny model of each family."""
    root = tmp_path_factory.mktemp("finders")
    for name, save in {
        "sam2": save_sam2,
        "sam3": save_sam3,
        "owlv2": save_owlv2,
        "grounding-dino": save_grounding_dino,
    }.items():
        save(root / name)
    return root


def test_finds_the_thing_at_points_as_sam_2_does_when_called_bare(folder: Path) -> None:
    points = ((30.0, 20.0), (70.0, 50.0))
    query = Query("points", 0.0, points=points, labels=(True, False))

    [found] = _find(Sam2Finder(_entry(folder, "sam2")), query)

    bare = find_by_sam2(folder / "sam2", _picture(), points=points, labels=(1, 0))
    _check_same(found, bare)


def test_takes_the_best_of_three_masks_when_there_is_one_point(folder: Path) -> None:
    query = Query("points", 0.0, points=((30.0, 20.0),), labels=(True,))

    [found] = _find(Sam2Finder(_entry(folder, "sam2")), query)

    bare = find_by_sam2(folder / "sam2", _picture(), points=[(30.0, 20.0)], labels=[1])
    _check_same(found, bare)


def test_finds_the_thing_in_a_box_as_sam_2_does_when_called_bare(folder: Path) -> None:
    box = (9.0, 6.0, 54.0, 42.0)

    [found] = _find(Sam2Finder(_entry(folder, "sam2")), Query("box", 0.0, box=box))

    _check_same(found, find_by_sam2(folder / "sam2", _picture(), box=box))


def test_finds_what_words_name_as_sam_3_does_when_called_bare(folder: Path) -> None:
    found = _find(Sam3Finder(_entry(folder, "sam3")), WORDS)

    for one, bare in zip(
        found, find_by_sam3(folder / "sam3", _picture(), WORDS.words), strict=True
    ):
        _check_same(one, bare)
    assert found[0].label == "a red cup"


def test_finds_boxes_by_owlv2_and_masks_in_them_by_sam_2(folder: Path) -> None:
    entry = _entry(folder, "owlv2", segmenter=str(folder / "sam2"))

    found = _find(Owlv2Finder(entry), WORDS)

    surest = detect_by_owlv2(folder / "owlv2", _picture(), WORDS.words)[0]
    bare = find_by_sam2(folder / "sam2", _picture(), box=surest.box)
    _check_same(found[0], BareThing(bare.mask, surest.score))


def test_finds_boxes_by_grounding_dino_and_cuts_in_them_without_a_segmenter(folder: Path) -> None:
    found = _find(GroundingDinoFinder(_entry(folder, "grounding-dino")), WORDS)

    surest = detect_by_grounding_dino(folder / "grounding-dino", _picture(), WORDS.words)[0]
    assert found[0].score == pytest.approx(surest.score, abs=1e-6)
    assert found[0].box.left >= surest.box[0] - 1
    assert found[0].box.bottom <= surest.box[3] + 1


def test_leaves_out_what_it_is_not_sure_of(folder: Path) -> None:
    finder = Sam3Finder(_entry(folder, "sam3"))

    everything = _find(finder, WORDS)
    surest = _find(finder, Query("words", everything[0].score, words="a red cup"))

    assert 0 < len(surest) < len(everything)


def test_says_that_words_were_cut_when_the_model_reads_fewer(folder: Path) -> None:
    [first, *_] = _find(
        Sam3Finder(_entry(folder, "sam3")), Query("words", 0.0, words="a cup " * 20)
    )

    assert first.details == {"words_cut": True}


def test_stops_between_encoder_and_decoder_when_the_job_is_not_wanted(folder: Path) -> None:
    steps: list[int] = []

    def stop(step: int, _steps: int) -> None:
        steps.append(step)
        if step == 1:
            raise InterruptedError

    finder = Sam2Finder(_entry(folder, "sam2"))
    query = Query("box", 0.0, box=(9.0, 6.0, 54.0, 42.0))
    with pytest.raises(InterruptedError):
        finder.find(_picture(), query, stop)

    assert steps == [0, 1]
    assert len(_find(finder, query)) == 1


def test_unloads_and_loads_again(folder: Path) -> None:
    finder = Owlv2Finder(_entry(folder, "owlv2"))
    before = _find(finder, WORDS)

    finder.unload()

    assert not finder.is_loaded
    assert [one.box for one in _find(finder, WORDS)] == [one.box for one in before]


def test_refuses_to_load_when_a_file_has_changed(folder: Path) -> None:
    source = str(folder / "sam2")
    entry = _entry(folder, "sam2", sha256={source: {"model.safetensors": "0" * 64}})

    with pytest.raises(ModelUnavailable, match="has changed"):
        Sam2Finder(entry).load()


def test_refuses_to_load_a_model_of_another_type(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    finder = Sam2Finder(FinderEntry(name="x", family="sam2", source=str(tmp_path)))

    with pytest.raises(ModelUnavailable, match="names bert, not sam2"):
        finder.load()


def test_refuses_to_load_weights_of_another_class(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "sam2" / "config.json", tmp_path)
    shutil.copy(folder / "owlv2" / "model.safetensors", tmp_path)
    finder = Owlv2Finder(_entry(folder, "owlv2", segmenter=str(tmp_path)))

    with pytest.raises(ModelUnavailable, match="lack 225 of 225 tensors of Sam2Model"):
        finder.load()

    assert not finder.is_loaded


def test_loads_the_pictures_part_of_a_model_for_videos(folder: Path, tmp_path: Path) -> None:
    save_sam2_video(tmp_path)
    finder = Sam2Finder(FinderEntry(name="x", family="sam2", source=str(tmp_path)))

    assert len(_find(finder, Query("box", 0.0, box=(9.0, 6.0, 54.0, 42.0)))) == 1


@pytest.mark.parametrize("family", ["sam2", "sam3", "owlv2", "grounding-dino"])
def test_is_built_by_its_family(folder: Path, family: str) -> None:
    assert build_finder(_entry(folder, family), 1).load().family == family


def _entry(folder: Path, family: str, **fields: Any) -> FinderEntry:
    return FinderEntry(name=family, family=family, source=str(folder / family), **fields)


def _find(finder: Any, query: Query) -> list[Found]:
    found: list[Found] = finder.find(_picture(), query, lambda _step, _steps: None)
    return found


def _picture() -> ImageArray:
    return to_uint8(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8))


def _check_same(found: Found, bare: BareThing) -> None:
    assert (_spread([found]) == bare.mask).all()
    assert found.score == pytest.approx(bare.score, abs=1e-6)


def _spread(found: list[Found]) -> MaskArray:
    whole = np.zeros((HEIGHT, WIDTH), np.uint8)
    for one in found:
        box = one.box
        whole[box.top : box.bottom, box.left : box.right] = one.mask
    return to_uint8(whole)
