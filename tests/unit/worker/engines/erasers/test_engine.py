"""Erasers as engines: any size, kept pixels untouched, calls shared, canceled between steps."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelOutputInvalid, ModelUnavailable
from service.contract.params import InpaintParams
from tests.support.pictures import make_rgb
from worker.engines.base import Canvas, UnloadableEngine
from worker.engines.erasers.engine import EraserEngine
from worker.engines.erasers.mi_gan import MiGan, load_mi_gan, make_input
from worker.engines.erasers.moebius import load_moebius
from worker.engines.erasing import Check, Floats, NetInputs, NetSettings
from worker.reporting import Aborted

Hole = tuple[int, int, int, int]


def canvas_of(width: int, height: int, *holes: Hole, seed: int = 1, **asked: Any) -> Canvas:
    mask = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in holes:
        mask[top:bottom, left:right] = 255
    image = make_rgb("texture", width, height, seed)
    return Canvas(image, mask, InpaintParams.model_validate(asked), seed)


def ignore(_done: int, _total: int) -> None:
    """Want every step."""


CANVASES = [
    canvas_of(300, 200, (20, 20, 60, 70), (200, 120, 260, 160)),
    canvas_of(131, 97, (50, 40, 90, 60)),
    canvas_of(30, 21, (3, 4, 12, 12)),
    canvas_of(900, 20, (400, 5, 420, 20)),
    canvas_of(200, 200, (20, 20, 180, 180)),
    canvas_of(200, 200, (20, 20, 60, 60), region="full"),
    canvas_of(200, 200, (20, 20, 60, 60), padding=3),
]
"""Two holes, odd sides, smaller than the net, long, larger than the net, and as asked."""


def test_an_engine_can_be_unloaded(mi_gan: ModelEntry) -> None:
    engine = EraserEngine(mi_gan, load_mi_gan)
    assert isinstance(engine, UnloadableEngine) and not engine.is_loaded
    recipe = engine.load()
    assert (recipe.engine, recipe.details["pipeline"]) == ("onnxruntime", "MiGan")
    engine.unload()
    assert not engine.is_loaded


@pytest.mark.parametrize("canvas", CANVASES, ids=lambda canvas: str(canvas.mask.shape))
def test_pictures_of_any_size_are_painted_in_the_hole_alone(
    mi_gan: ModelEntry, canvas: Canvas
) -> None:
    [painted] = EraserEngine(mi_gan, load_mi_gan).paint([canvas], ignore)
    kept = canvas.mask == 0
    assert np.array_equal(painted.image[kept], canvas.image[kept])
    assert np.abs(painted.image[~kept].astype(int) - canvas.image[~kept]).mean() > 3


def test_nothing_of_the_hole_is_seen(mi_gan: ModelEntry) -> None:
    canvas = CANVASES[0]
    other = canvas.image.copy()
    other[canvas.mask > 0] = (255, 0, 255)
    engine = EraserEngine(mi_gan, load_mi_gan)
    first, second = engine.paint([canvas, Canvas(other, canvas.mask, canvas.params, 1)], ignore)
    assert np.array_equal(first.image, second.image)


def test_crops_of_several_pictures_share_a_call(mi_gan: ModelEntry) -> None:
    engine = EraserEngine(mi_gan, load_mi_gan)
    steps: list[tuple[int, int]] = []
    together = engine.paint(CANVASES[:3], lambda *step: steps.append(step))
    assert [one.call_size for one in together] == [4, 4, 4]
    assert steps[-1] == (1, 1)
    for canvas, painted in zip(CANVASES[:3], together, strict=True):
        params = canvas.params.model_copy(update={"deterministic": True})
        [alone] = engine.paint([Canvas(canvas.image, canvas.mask, params, 1)], ignore)
        assert alone.call_size == 1
        assert np.abs(alone.image.astype(int) - painted.image).max() <= 1


def test_a_job_is_the_bare_call_in_its_hole(mi_gan: ModelEntry) -> None:
    canvas = canvas_of(128, 128, (30, 40, 90, 100))
    [painted] = EraserEngine(mi_gan, load_mi_gan).paint([canvas], ignore)
    net = load_mi_gan(mi_gan, 1)
    bare = net.erase(NetInputs([canvas.image], [canvas.mask], [1], NetSettings()), lambda _: None)
    expected = np.rint(bare[0] * 255).clip(0, 255)
    inside = canvas.mask > 0
    assert np.abs(painted.image[inside] - expected[inside]).max() <= 1


def test_the_input_of_mi_gan_is_that_of_its_authors() -> None:
    """`cat(mask - 0.5, image * mask)`, mask 1 where kept, as in `scripts/demo.py`.

    With equal random weights in the authors' `migan_inference.Generator(512)` (commit ca4df2eb of
    Picsart-AI-Research/MI-GAN, exported to ONNX) their demo's steps and ours gave outputs that
    differ by at most 5.4e-5 of 255.
    """
    image, mask = make_rgb("texture", 16, 16), np.zeros((16, 16), np.uint8)
    mask[3:9, 4:12] = 255
    keep = ((255 - mask) // 255).astype(np.float32)
    scaled = image.astype(np.float32) * 2 / 255 - 1
    expected = np.concatenate(([keep - 0.5], scaled.transpose(2, 0, 1) * keep))
    assert np.abs(make_input(image, mask) - expected).max() < 1e-6


class _Stopping:
    """Wants so many steps and no more."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen = wanted, 0

    def __call__(self, done: int, _total: int) -> None:
        self.seen = done
        if done >= self.wanted:
            raise Aborted


def test_a_canceled_job_is_given_up_between_steps(moebius: ModelEntry) -> None:
    engine, stopping = EraserEngine(moebius, load_moebius), _Stopping(2)
    canvas = canvas_of(100, 100, (20, 20, 60, 60), num_inference_steps=50)
    with pytest.raises(Aborted):
        engine.paint([canvas], stopping)
    assert stopping.seen == 2
    [painted] = engine.paint([canvas_of(100, 100, (20, 20, 60, 60))], ignore)
    assert painted.image.shape == (100, 100, 3)


class _Flat(MiGan):
    """Fills holes with one color: it knows what belongs there, and no detail of it."""

    def erase(self, inputs: NetInputs, check: Check) -> Floats:
        check(1)
        flat = [
            np.where(mask[..., None] > 0, image[mask == 0].mean(axis=0), image)
            for image, mask in zip(inputs.images, inputs.masks, strict=True)
        ]
        return (np.stack(flat) / 255).astype(np.float32)


def test_what_a_net_sees_reduced_gets_its_detail_from_the_picture(mi_gan: ModelEntry) -> None:
    def load(entry: ModelEntry, threads: int) -> _Flat:
        return _Flat(load_mi_gan(entry, threads)._graph, entry.name)

    small = canvas_of(600, 500, (200, 200, 250, 250))
    large = canvas_of(500, 420, (150, 120, 350, 300))
    steps: list[tuple[int, int]] = []
    engine = EraserEngine(mi_gan, load)
    first, second = engine.paint([small, large], lambda done, total: steps.append((done, total)))
    assert [one["detail"] for one in first.details["crops"]] == ["net"]
    assert [one["detail"] for one in second.details["crops"]] == ["patches"]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    kept = large.mask == 0
    assert np.array_equal(second.image[kept], large.image[kept])
    grain = [cv2.Laplacian(image, cv2.CV_32F)[~kept].std() for image in (second.image, large.image)]
    assert 0.7 < grain[0] / grain[1] < 1.3
    # The net's own fill stays flat.
    assert np.ptp(first.image[210:240, 210:240], axis=(0, 1)).max() < 10


class _Broken(MiGan):
    def erase(self, inputs: NetInputs, check: Check) -> Floats:
        return super().erase(inputs, check) * np.float32(np.nan)


def test_an_output_that_is_no_picture_is_refused(
    mi_gan: ModelEntry,
) -> None:
    def load(entry: ModelEntry, threads: int) -> MiGan:
        net = load_mi_gan(entry, threads)
        return _Broken(net._graph, entry.name)

    with pytest.raises(ModelOutputInvalid, match="not numbers"):
        EraserEngine(mi_gan, load).paint([CANVASES[1]], ignore)


def test_a_file_whose_hash_differs_is_refused_by_name(mi_gan: ModelEntry) -> None:
    hashes = {mi_gan.source: {"migan.onnx": hashlib.sha256(b"another").hexdigest()}}
    changed = mi_gan.model_copy(update={"sha256": hashes})
    with pytest.raises(ModelUnavailable, match=r"the file migan\.onnx of the model .* has changed"):
        EraserEngine(changed, load_mi_gan).load()


WITHOUT_TORCH = """
import sys
for name in ("torch", "diffusers", "transformers", "safetensors", "accelerate"):
    sys.modules[name] = None
from service.contract.catalogue import Catalogue, ModelEntry
from worker.config import WorkerSettings
from worker.engines.registry import build_engines
settings = WorkerSettings(queue="paint-gpu:erase")
entries = [ModelEntry(name=name, family=name, source=sys.argv[1]) for name in sys.argv[2:]]
engines = build_engines(settings, Catalogue(models=tuple(entries)))
engines.warm()
print(engines.loaded_models())
"""


def test_a_worker_without_torch_serves_mi_gan_and_says_what_lama_needs(
    mi_gan: ModelEntry,
) -> None:
    def run(*families: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", WITHOUT_TORCH, mi_gan.source, *families]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    served = run("mi-gan")
    assert served.stdout.endswith("['mi-gan']\n"), served.stderr
    refused = run("mi-gan", "lama")
    assert "the model lama needs the package torch: install the extra `generate`" in refused.stderr
