"""Each finder's masks are those of transformers' own class, called bare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from service.contract.errors import ModelUnavailable
from service.contract.finders import FinderEntry
from tests.support.tiny_finders import (
    library,
    save_grounding_dino,
    save_owlv2,
    save_sam2,
    save_sam3,
)
from worker.engines.diffusion.finders.base import CLIP, HALVES, IMAGENET
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

    bare = library.Sam2Model.from_pretrained(folder / "sam2").eval()
    places = [[x * 64 / WIDTH, y * 64 / HEIGHT] for x, y in points]
    output = _call(
        bare,
        pixel_values=_planes(64, 64, IMAGENET),
        input_points=torch.tensor([[places]]),
        input_labels=torch.tensor([[[1, 0]]]),
        multimask_output=False,
    )
    assert (_spread([found]) == _mask(output.pred_masks[0, 0, 0], 0.0)).all()
    assert found.score == pytest.approx(float(output.iou_scores[0, 0, 0].clamp(0, 1)))


def test_takes_the_best_of_three_masks_when_there_is_one_point(folder: Path) -> None:
    query = Query("points", 0.0, points=((30.0, 20.0),), labels=(True,))

    [found] = _find(Sam2Finder(_entry(folder, "sam2")), query)

    bare = library.Sam2Model.from_pretrained(folder / "sam2").eval()
    place = [[30.0 * 64 / WIDTH, 20.0 * 64 / HEIGHT]]
    output = _call(
        bare,
        pixel_values=_planes(64, 64, IMAGENET),
        input_points=torch.tensor([[place]]),
        input_labels=torch.tensor([[[1]]]),
    )
    best = int(output.iou_scores[0, 0].argmax())
    assert (_spread([found]) == _mask(output.pred_masks[0, 0, best], 0.0)).all()


def test_finds_the_thing_in_a_box_as_sam_2_does_when_called_bare(folder: Path) -> None:
    [found] = _find(
        Sam2Finder(_entry(folder, "sam2")), Query("box", 0.0, box=(9.0, 6.0, 54.0, 42.0))
    )

    assert (_spread([found]) == _segment(folder, (9.0, 6.0, 54.0, 42.0))).all()


def test_finds_what_words_name_as_sam_3_does_when_called_bare(folder: Path) -> None:
    found = _find(Sam3Finder(_entry(folder, "sam3")), WORDS)

    bare = library.Sam3Model.from_pretrained(folder / "sam3").eval()
    tokens = _tokens(folder / "sam3", "a red cup", padding="max_length", max_length=32)
    output = _call(bare, pixel_values=_planes(56, 56, HALVES), **tokens)
    scores = output.pred_logits[0].sigmoid() * output.presence_logits[0].sigmoid()
    best = int(scores.argmax())
    assert found[0].score == pytest.approx(float(scores[best]), abs=1e-6)
    shares = output.pred_masks[0, best].sigmoid()
    assert (_spread(found[:1]) == _mask(shares, 0.5)).all()
    assert found[0].label == "a red cup"


def test_finds_boxes_by_owlv2_and_masks_in_them_by_sam_2(folder: Path) -> None:
    entry = _entry(folder, "owlv2", segmenter=str(folder / "sam2"))

    found = _find(Owlv2Finder(entry), WORDS)

    square = np.zeros((WIDTH, WIDTH, 3), np.uint8)
    square[:HEIGHT] = _picture()
    bare = library.Owlv2ForObjectDetection.from_pretrained(folder / "owlv2").eval()
    tokens = _tokens(folder / "owlv2", "a red cup", padding="max_length", max_length=16)
    output = _call(bare, pixel_values=_planes(32, 32, CLIP, to_uint8(square)), **tokens)
    scores = output.logits[0].amax(dim=-1).sigmoid()
    boxes = _corners(output.pred_boxes[0], WIDTH, WIDTH)
    order = [index for index in scores.argsort(descending=True).tolist() if boxes[index]]
    assert found[0].score == pytest.approx(float(scores[order[0]]), abs=1e-6)
    assert (_spread(found[:1]) == _segment(folder, boxes[order[0]])).all()


def test_finds_boxes_by_grounding_dino_and_cuts_in_them_without_a_segmenter(folder: Path) -> None:
    found = _find(GroundingDinoFinder(_entry(folder, "grounding-dino")), WORDS)

    bare = library.GroundingDinoForObjectDetection.from_pretrained(folder / "grounding-dino").eval()
    tokens = _tokens(folder / "grounding-dino", "a red cup.", max_length=32)
    output = _call(bare, pixel_values=_planes(800, 1200, IMAGENET), **tokens)
    scores = output.logits[0].sigmoid().amax(dim=-1)
    boxes = _corners(output.pred_boxes[0], WIDTH, HEIGHT)
    best = boxes[int(scores.argmax())]
    assert found[0].score == pytest.approx(float(scores.max()), abs=1e-6)
    assert found[0].box.left >= best[0] - 1
    assert found[0].box.bottom <= best[3] + 1


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


def test_refuses_to_load_a_model_of_another_class(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(ModelUnavailable, match="could not be loaded"):
        Sam2Finder(FinderEntry(name="x", family="sam2", source=str(tmp_path))).load()


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


def _planes(
    height: int, width: int, colors: Any, picture: ImageArray | None = None
) -> torch.Tensor:
    """Prepare a picture as transformers' processors do with torchvision."""
    image = torch.tensor(_picture() if picture is None else picture)
    planes = image.permute(2, 0, 1)[None].float() / 255
    resized = interpolate(planes, (height, width), mode="bilinear", antialias=True)
    mean, deviation = (torch.tensor(one)[:, None, None] for one in colors)
    return (resized - mean) / deviation


def _tokens(folder: Path, words: str, **options: Any) -> Any:
    tokenizer = library.AutoTokenizer.from_pretrained(folder)
    return tokenizer(words, return_tensors="pt", truncation=True, **options)


@torch.inference_mode()
def _call(model: Any, **inputs: Any) -> Any:
    return model(**inputs)


def _segment(folder: Path, box: Any) -> MaskArray:
    bare = library.Sam2Model.from_pretrained(folder / "sam2").eval()
    scale = (64 / WIDTH, 64 / HEIGHT) * 2
    scaled = [side * factor for side, factor in zip(box, scale, strict=True)]
    output = _call(
        bare,
        pixel_values=_planes(64, 64, IMAGENET),
        input_boxes=torch.tensor([[scaled]]),
        multimask_output=False,
    )
    return _mask(output.pred_masks[0, 0, 0], 0.0)


def _mask(plane: torch.Tensor, threshold: float) -> MaskArray:
    large = interpolate(plane[None, None], (HEIGHT, WIDTH), mode="bilinear")[0, 0]
    return to_uint8(np.where((large > threshold).numpy(), 255, 0).astype(np.uint8))


def _corners(boxes: torch.Tensor, width: int, height: int) -> list[Any]:
    """Return boxes as corners within the picture; `None` for those outside of it."""
    found = []
    for x, y, wide, high in boxes.tolist():
        sides = (x - wide / 2) * width, (y - high / 2) * height
        far = (x + wide / 2) * width, (y + high / 2) * height
        left, right = (min(max(side, 0), WIDTH) for side in (sides[0], far[0]))
        top, bottom = (min(max(side, 0), HEIGHT) for side in (sides[1], far[1]))
        is_there = right - left >= 1 and bottom - top >= 1
        found.append((left, top, right, bottom) if is_there else None)
    return found


def _spread(found: list[Found]) -> MaskArray:
    whole = np.zeros((HEIGHT, WIDTH), np.uint8)
    for one in found:
        box = one.box
        whole[box.top : box.bottom, box.left : box.right] = one.mask
    return to_uint8(whole)
