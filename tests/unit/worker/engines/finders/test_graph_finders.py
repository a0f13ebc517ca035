"""Finders by onnxruntime, on tiny graphs of the published inputs and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from service.contract.errors import ModelUnavailable
from service.contract.finders import TEXT_FINDER, FinderEntry
from tests.support.tiny_graphs import save_efficientvit, save_salience, save_text_detector
from worker.engines.finders.base import Found, Query
from worker.engines.finders.building import build_finder
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

WIDTH, HEIGHT = 300, 200


def test_finds_text_by_a_graph_and_narrows_it(tmp_path: Path) -> None:
    save_text_detector(tmp_path / "net.onnx")
    picture = np.full((400, 800, 3), 235, np.uint8)
    cv2.putText(picture, "Paintjob", (150, 230), cv2.FONT_HERSHEY_SIMPLEX, 4, (20, 20, 20), 14)
    entry = FinderEntry(name="text", family="text-detector", source=str(tmp_path / "net.onnx"))

    found = _find(entry, Query("text", 0.3), to_uint8(picture))

    assert {one.label for one in found} == {"text"}
    letters = picture.max(axis=2) < 128
    assert (_spread(found, 800, 400)[letters] > 0).mean() > 0.97


@pytest.mark.parametrize("kind", ["subject", "background"])
@pytest.mark.parametrize("family", ["isnet", "birefnet"])
def test_finds_the_subject_by_a_graph(tmp_path: Path, family: str, kind: Any) -> None:
    save_salience(tmp_path / "net.onnx")
    entry = FinderEntry(name=family, family=family, source=str(tmp_path), files=("net.onnx",))

    [found] = _find(entry, Query(kind, 0.0), _light_disk())

    light = _light_disk().max(axis=2) > 128
    marked = _spread([found]) > 0
    assert (marked == (light if kind == "subject" else ~light)).mean() > 0.98
    assert 0.5 < found.score <= 1


def test_finds_nothing_where_the_net_marks_nothing(tmp_path: Path) -> None:
    save_salience(tmp_path / "net.onnx")
    entry = FinderEntry(name="isnet", family="isnet", source=str(tmp_path / "net.onnx"))

    assert _find(entry, Query("subject", 0.0), np.zeros((HEIGHT, WIDTH, 3), np.uint8)) == []


def test_finds_the_thing_at_points_and_in_a_box_by_two_graphs(tmp_path: Path) -> None:
    files = save_efficientvit(tmp_path)
    entry = FinderEntry(name="vit", family="efficientvit-sam", source=str(tmp_path), files=files)
    light = _light_disk().max(axis=2) > 128

    at = Query("points", 0.0, points=((150.0, 100.0),), labels=(True,))
    boxed = Query("box", 0.0, box=(90.0, 40.0, 210.0, 160.0))

    for query in (at, boxed):
        [found] = _find(entry, query, _light_disk())
        # The graph's masks have a sixteenth of the frame's pixels.
        assert (_spread([found]) > 0)[light].mean() > 0.9
        assert (_spread([found]) > 0)[~light].mean() < 0.1


def test_refuses_a_graph_of_another_kind(tmp_path: Path) -> None:
    save_salience(tmp_path / "net.onnx")
    entry = FinderEntry(
        name="vit", family="efficientvit-sam", source=str(tmp_path), files=("net.onnx", "net.onnx")
    )

    with pytest.raises(ModelUnavailable, match="is another graph"):
        build_finder(entry).load()


def test_refuses_a_graph_that_has_changed(tmp_path: Path) -> None:
    save_salience(tmp_path / "net.onnx")
    hashes = {str(tmp_path): {"net.onnx": "0" * 64}}
    entry = FinderEntry(
        name="isnet", family="isnet", source=str(tmp_path), files=("net.onnx",), sha256=hashes
    )

    with pytest.raises(ModelUnavailable, match="has changed"):
        build_finder(entry).load()


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ModelUnavailable, match=r"pip install 'paintjob\[find\]'"):
        build_finder(TEXT_FINDER).load()


def test_loads_the_installed_text_detector() -> None:
    facts = build_finder(TEXT_FINDER, 1).load()

    assert facts.model_revision is not None
    assert facts.model_revision.startswith("sha256:")


def test_unloads_and_loads_again(tmp_path: Path) -> None:
    save_salience(tmp_path / "net.onnx")
    finder: Any = build_finder(
        FinderEntry(name="isnet", family="isnet", source=str(tmp_path / "net.onnx")), 1
    )
    before = finder.load()

    finder.unload()

    assert not finder.is_loaded
    assert finder.load() == before


def _find(entry: FinderEntry, query: Query, picture: ImageArray) -> list[Found]:
    return build_finder(entry, 1).find(picture, query, lambda _step, _steps: None)


def _light_disk() -> ImageArray:
    picture = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    cv2.circle(picture, (150, 100), 60, (240, 240, 240), -1)
    return to_uint8(picture)


def _spread(found: list[Found], width: int = WIDTH, height: int = HEIGHT) -> MaskArray:
    whole = np.zeros((height, width), np.uint8)
    for one in found:
        box = one.box
        whole[box.top : box.bottom, box.left : box.right] |= one.mask
    return to_uint8(whole)
