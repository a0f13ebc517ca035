"""Finders of transformers through the whole service: HTTP, Redis, worker, horse, and back.

One worker holds a tiny model of every family, one at a time. Words are the first such finder's of
the models file, so there is an API for each order; all share the broker and the worker.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import torch
from PIL import Image

from service.contract.finders import GRABCUT
from service.contract.regions import Region
from service.pictures.region_drawing import draw_regions
from tests.support.bare_finders import (
    BareBox,
    BareThing,
    detect_by_grounding_dino,
    detect_by_owlv2,
    find_by_sam2,
    find_by_sam3,
)
from tests.support.broker import running_broker
from tests.support.model_service import ModelService, running_service, write_models
from tests.support.pictures import encode
from tests.support.server import running_server
from tests.support.tiny_finders import save_grounding_dino, save_owlv2, save_sam2, save_sam3
from worker.engines.diffusion.finders.detectors import OVERLAP
from worker.engines.finders.base import Query
from worker.engines.finders.grabcut.finder import GrabCutFinder
from worker.imaging import MaskArray
from worker.imaging.picture import to_uint8

pytestmark = pytest.mark.slow

SAVERS = {
    "sam2": save_sam2,
    "sam3": save_sam3,
    "owlv2": save_owlv2,
    "grounding-dino": save_grounding_dino,
}
BY_WORDS = ("sam3", "owlv2", "grounding-dino")
MODEL_BYTES = 1000
BUDGET_BYTES = 1500

SIZE = (90, 60)
PICTURE = to_uint8(
    np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
)
WORDS = "a red cup"
BOX = (9.0, 6.0, 54.0, 42.0)
POINTS = ((30.0, 20.0), (70.0, 50.0))
CORNER_SIDE = 6
CORNER: Mapping[str, object] = {"box": [0, 0, CORNER_SIDE, CORNER_SIDE], "subtract": True}
"""Never found: random models may mark all of a picture, and a full mask is refused."""


@dataclass(frozen=True)
class FinderService:
    """A running service.

    Attributes:
        models: the service; its own API asks the first of `BY_WORDS`.
        clients: of an API for each of these.
        folder: holds each family's model.
    """

    models: ModelService
    clients: Mapping[str, httpx2.Client]
    folder: Path

    def post(self, path: str, family: str, *regions: Mapping[str, object], **fields: str) -> str:
        """Ask for what a family finds, but not in the corner; return the job's id."""
        client = self.clients.get(family, self.models.client)
        # As found: what is to be removed is widened by default.
        exact = [{**region, "grow": 0} for region in regions]
        data = {"regions": json.dumps([*exact, CORNER]), **fields}
        sent = client.post(path, files={"image": encode(PICTURE)}, data=data)
        assert sent.status_code == 202, sent.text
        job_id: str = sent.json()["id"]
        return job_id

    def fetch_mask(self, job_id: str) -> MaskArray:
        """Return the mask of a job that has succeeded."""
        answer = self.models.client.get(f"/jobs/{job_id}/mask").raise_for_status()
        return to_uint8(np.asarray(Image.open(io.BytesIO(answer.content)).convert("L")))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute as the worker does: sums of several threads differ in their last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinderService]:
    folder, directory = (tmp_path_factory.mktemp(name) for name in ("finders", "service"))
    entries = {family: _entry(folder, family) for family in SAVERS}
    with running_broker() as broker, ExitStack() as stack:
        running = stack.enter_context(
            running_service(
                broker.url,
                directory,
                list(entries.values()),
                group="find",
                has_default=False,
                model_memory_bytes=str(BUDGET_BYTES),
            )
        )
        clients = {BY_WORDS[0]: running.client}
        for family in BY_WORDS[1:]:
            file = tmp_path_factory.mktemp(family) / "models.toml"
            write_models(file, [entries[family]])
            api = {"PAINTJOB_DATA_DIR": str(directory), "PAINTJOB_MODELS_FILE": str(file)}
            server = stack.enter_context(running_server(broker.url, file.parent, **api))
            client = httpx2.Client(base_url=server.url, timeout=30)
            clients[family] = stack.enter_context(client)
        yield FinderService(running, clients, folder)


def _entry(folder: Path, family: str) -> dict[str, object]:
    SAVERS[family](folder / family)
    entry: dict[str, object] = {
        "name": f"tiny-{family}",
        "kind": "finder",
        "family": family,
        "source": str(folder / family),
        "memory_bytes": MODEL_BYTES,
        "group": "find",
    }
    return entry | ({"segmenter": str(folder / "sam2")} if family == "owlv2" else {})


@dataclass(frozen=True)
class Case:
    """What a family is asked for, and what its class finds when it is called bare."""

    family: str
    region: Mapping[str, object]
    find_bare: Callable[[Path], Sequence[BareThing]]


def _find_by_owlv2(folder: Path) -> list[BareThing]:
    """Return the things in OWLv2's boxes, by SAM 2.1."""
    boxes = _drop_doubles(detect_by_owlv2(folder / "owlv2", PICTURE, WORDS))
    things = [(find_by_sam2(folder / "sam2", PICTURE, box=one.box), one) for one in boxes]
    return [BareThing(thing.mask, one.score) for thing, one in things if thing.mask.any()]


def _find_by_grounding_dino(folder: Path) -> list[BareThing]:
    """Return the things in Grounding DINO's boxes, by GrabCut; all of a box if there is none."""
    boxes = _drop_doubles(detect_by_grounding_dino(folder / "grounding-dino", PICTURE, WORDS))
    return [BareThing(_cut_out(one), one.score) for one in boxes]


def _cut_out(one: BareBox) -> MaskArray:
    mask = np.zeros(SIZE[::-1], np.uint8)
    query = Query("box", GRABCUT.traits.min_score, box=one.box)
    things = GrabCutFinder(GRABCUT).find(PICTURE, query, lambda _step, _steps: None)
    for thing in things:
        box = thing.box
        mask[box.top : box.bottom, box.left : box.right] = thing.mask
    if not things:
        left, top, right, bottom = (round(side) for side in one.box)
        mask[top : max(top + 1, bottom), left : max(left + 1, right)] = 255
    return to_uint8(mask)


def _drop_doubles(boxes: Sequence[BareBox]) -> list[BareBox]:
    """Return boxes, the surest first, without those that a surer one nearly covers."""
    kept: list[BareBox] = []
    for one in boxes:
        if all(_share(one, other) <= OVERLAP for other in kept):
            kept.append(one)
    return kept


def _share(one: BareBox, other: BareBox) -> float:
    """Return the intersection of two boxes over their union."""
    low, high = np.maximum(one.box, other.box)[:2], np.minimum(one.box, other.box)[2:]
    both = float(np.maximum(high - low, 0).prod())
    areas = [float((np.array(each.box[2:]) - each.box[:2]).prod()) for each in (one, other)]
    return both / (sum(areas) - both)


CASES = {
    "a point by SAM 2.1": Case(
        "sam2",
        {"point": list(POINTS[0])},
        lambda folder: [
            find_by_sam2(folder / "sam2", PICTURE, points=POINTS[:1], labels=[1]),
        ],
    ),
    "points by SAM 2.1": Case(
        "sam2",
        {"points": [list(point) for point in POINTS], "labels": [1, 0]},
        lambda folder: [find_by_sam2(folder / "sam2", PICTURE, points=POINTS, labels=[1, 0])],
    ),
    "a box by SAM 2.1": Case(
        "sam2",
        {"box": list(BOX), "refine": True},
        lambda folder: [find_by_sam2(folder / "sam2", PICTURE, box=BOX)],
    ),
    "words by SAM 3": Case(
        "sam3", {"find": WORDS}, lambda folder: find_by_sam3(folder / "sam3", PICTURE, WORDS)
    ),
    "words by OWLv2 and SAM 2.1": Case("owlv2", {"find": WORDS}, _find_by_owlv2),
    "words by Grounding DINO and GrabCut": Case(
        "grounding-dino", {"find": WORDS}, _find_by_grounding_dino
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_finds_what_the_class_does_when_called_bare(service: FinderService, name: str) -> None:
    case = CASES[name]

    job = service.models.wait(service.post("/masks", case.family, {**case.region, "min_score": 0}))

    bare = case.find_bare(service.folder)
    found = job["mask"]["effective"]["found"]
    assert [one["score"] for one in found] == pytest.approx([one.score for one in bare], abs=1e-4)
    for one, thing in zip(found, bare, strict=True):
        assert one["finder"] == f"tiny-{case.family}"
        assert np.array_equal(_draw(one["rle"]), thing.mask)
    assert np.array_equal(service.fetch_mask(job["id"]), _join(bare))
    assert np.array_equal(service.models.fetch(job["id"])[..., 0], _join(bare))
    assert service.models.loaded_models()[-1] == f"tiny-{case.family}"


def test_paints_what_was_found_and_nothing_else(service: FinderService) -> None:
    bare = find_by_sam3(service.folder / "sam3", PICTURE, WORDS)
    least = round((bare[0].score + bare[1].score) / 2, 6)
    region = {"find": WORDS, "min_score": least}

    job = service.models.wait(service.post("/inpaint", "sam3", region, method="patch", seed="3"))

    mask, painted = _join(bare[:1]), service.models.fetch(job["id"])
    assert np.array_equal(service.fetch_mask(job["id"]), mask)
    assert np.array_equal(painted[mask == 0], PICTURE[mask == 0])
    assert not np.array_equal(painted[mask > 0], PICTURE[mask > 0])
    [told] = job["recipe"]["details"]["finders"]
    assert (told["finder"], told["family"], told["query"]) == ("tiny-sam3", "sam3", "words")


@pytest.mark.parametrize("family", SAVERS)
def test_fails_by_name_when_the_files_are_wrong_and_finds_when_they_are_right_again(
    service: FinderService, family: str
) -> None:
    region: dict[str, object] = {"find": WORDS} if family in BY_WORDS else {"point": [30, 20]}
    region["min_score"] = 0
    other = "sam2" if family in BY_WORDS else "sam3"
    use_other = {"point": [30, 20]} if other == "sam2" else {"find": WORDS}
    # Memory holds one: the other's job unloads it, and the next one reads its files again.
    service.models.wait(service.post("/masks", other, {**use_other, "min_score": 0}))

    with _wrong_files(service.folder / family, service.folder / other):
        record = service.models.stack.wait_ended(service.post("/masks", family, region))

    assert record.error is not None
    assert record.error.code == "model_unavailable"
    assert f"tiny-{family}" in record.error.detail
    service.models.wait(service.post("/masks", family, region))


@contextmanager
def _wrong_files(folder: Path, other: Path) -> Iterator[None]:
    """Have a folder hold the weights of another until the block ends."""
    weights = folder / "model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes((other / "model.safetensors").read_bytes())
    yield
    weights.write_bytes(kept)


def _join(things: Sequence[BareThing]) -> MaskArray:
    """Return the mask of all things together, without the corner."""
    mask = np.maximum.reduce([thing.mask for thing in things])
    mask[:CORNER_SIDE, :CORNER_SIDE] = 0
    return to_uint8(mask)


def _draw(rle: Mapping[str, Any]) -> MaskArray:
    region = Region.model_validate({"rle": rle})
    return to_uint8(np.asarray(draw_regions([region], SIZE)))
