"""A model with an alpha of its own, such as OSOR's, enlarges the mask only where it may."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.contract.catalogue import ModelDefaults, ModelEntry
from service.contract.params import InpaintParams
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_box_mask, make_rgb
from tests.support.tiny_pipelines import build_tiny_sd_inpaint
from tests.unit.worker.engines.diffusion.painting import LIBRARY_WARNINGS
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families.base import CallInputs
from worker.engines.diffusion.families.stable_diffusion import StableDiffusion
from worker.engines.registry import QueueEngines
from worker.imaging import MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.masks import decode_mask
from worker.operations.paint import paint

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]

LIMIT = 1_000_000
MASK = make_box_mask(90, 70, (30, 20, 50, 40))
IMAGE = make_rgb("texture", 90, 70)


class FindsShadows(StableDiffusion):
    """Returns with each picture an alpha: the mask, and right of it a shadow that fades out."""

    everywhere = False

    def to_alphas(
        self, pipeline: Any, output: Any, inputs: CallInputs
    ) -> Sequence[np.ndarray] | None:
        return [self._find(np.asarray(mask)) for mask in inputs.masks]

    def _find(self, mask: MaskArray) -> np.ndarray:
        alpha = (mask > 0).astype(np.float32)
        if self.everywhere:
            return np.ones_like(alpha)
        fade = np.linspace(1, 0, 12, dtype=np.float32)
        for step in range(1, 12):
            shifted = np.roll(mask > 0, step, axis=1)
            shifted[:, :step] = False
            alpha = np.maximum(alpha, shifted * fade[step])
        return alpha


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> DiffusionEngine:
    source = build_tiny_sd_inpaint(tmp_path_factory.mktemp("tiny"))
    entry = ModelEntry(
        name="tiny",
        family="stable-diffusion",
        source=str(Path(source)),
        native_pixels=64 * 64,
        max_batch=2,
        defaults=ModelDefaults(num_inference_steps=2),
    )
    engine = DiffusionEngine(entry, threads=1)
    engine._model = replace(engine._loaded(), adapter=FindsShadows())
    return engine


def run(engine: DiffusionEngine, blobs: BlobStore, **asked: Any) -> tuple[RecordingReporter, Any]:
    params = InpaintParams.model_validate({"seed": 1, "num_inference_steps": 2, **asked})
    job = inpaint_job(blobs, encode(IMAGE), encode(MASK), params, "generate", "tiny")
    report = RecordingReporter()
    engines = QueueEngines({("inpaint", "generate", "tiny"): engine})
    paint([job], blobs, engines, report, max_image_pixels=LIMIT)
    return report, job


@pytest.mark.parametrize("asked", [{}, {"grow_by_model": False}])
def test_a_mask_is_not_enlarged_unless_it_may(
    engine: DiffusionEngine, blobs: BlobStore, asked: dict[str, Any]
) -> None:
    report, job = run(engine, blobs, **asked)
    done = report.done_jobs[job.job_id]
    image = decode_picture(blobs.get(done.outputs[0].path), LIMIT).rgb()
    assert np.array_equal(image[MASK == 0], IMAGE[MASK == 0])
    assert done.outputs[0].proof.kept_pixels == int((MASK == 0).sum())
    assert report.events.count("mask_ready") == 1
    assert "mask_enlarged" not in {warning.code for warning in done.warnings}


@pytest.mark.parametrize("feather", [0, 4])
def test_the_enlarged_mask_is_what_is_posted_painted_and_proven(
    engine: DiffusionEngine, blobs: BlobStore, feather: int
) -> None:
    report, job = run(engine, blobs, grow_by_model=True, num_images=2, feather=feather)
    done = report.done_jobs[job.job_id]
    measured, path = report.masks[job.job_id]
    posted = blobs.get(path)
    mask = decode_mask(posted, LIMIT, "white_repaints", 128)
    assert (mask[MASK > 0] == 255).all() and mask.sum() > MASK.sum()
    assert measured.box[2] > 50 and measured.box[0] >= 22
    for output in done.outputs:
        image = decode_picture(blobs.get(output.path), LIMIT).rgb()
        assert np.array_equal(image[mask == 0], IMAGE[mask == 0])
        shadow = (mask > 0) & (MASK == 0)
        assert (image[shadow] != IMAGE[shadow]).any()
        assert output.proof.kept_pixels == int((mask == 0).sum())
        assert output.proof.kept_pixels_changed == 0
        assert output.proof.mask_sha256 == hashlib.sha256(posted).hexdigest()
        assert output.proof.touched_box[2] > 50
    [warning] = [one for one in done.warnings if one.code == "mask_enlarged"]
    added = int(np.count_nonzero(mask) - np.count_nonzero(MASK))
    assert f"enlarged it by {added} pixels" in warning.detail


def test_a_mask_that_would_leave_nothing_to_keep_fails_the_job(
    engine: DiffusionEngine, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FindsShadows, "everywhere", True)
    report, job = run(engine, blobs, grow_by_model=True)
    failure = report.failures[job.job_id]
    assert failure.code == "mask_full"
    assert "leave out grow_by_model" in failure.detail
