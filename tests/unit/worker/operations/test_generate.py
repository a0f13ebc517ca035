from __future__ import annotations

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.geometry import Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_box_mask, make_image
from tests.support.tiny_pipelines import build_tiny_sd_inpaint
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job, outpaint_job
from worker.config import WorkerSettings
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import build_engines
from worker.imaging.decoding import decode_picture
from worker.operations.paint import paint

pytestmark = [
    pytest.mark.slow,
    # diffusers' schedulers still hand tensors to numpy by the old protocol.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def tiny_engines(tmp_path_factory: pytest.TempPathFactory) -> EngineRegistry:
    directory: Path = build_tiny_sd_inpaint(tmp_path_factory.mktemp("tiny"))
    entry = ModelEntry(
        name="tiny",
        family="stable-diffusion",
        source=str(directory),
        native_pixels=64 * 64,
        max_batch=2,
    )
    settings = WorkerSettings(queue="paint-gpu:default", torch_threads=1)
    return build_engines(settings, Catalogue(models=(entry,)))


def test_generate_inpaints_a_call_and_keeps_what_is_kept(
    blobs: BlobStore, tiny_engines: EngineRegistry
) -> None:
    mask = make_box_mask(90, 70, (30, 20, 60, 50))
    jobs = [
        inpaint_job(
            blobs,
            encode(make_image(mode, 90, 70, seed)),
            encode(mask),
            InpaintParams(seed=seed, num_images=2, num_inference_steps=2, prompt="a door"),
            method="generate",
            model="tiny",
        )
        for seed, mode in enumerate(("RGB", "RGBA", "L"))
    ]
    report = RecordingReporter()
    paint(jobs, blobs, tiny_engines, report, max_image_pixels=LIMIT)
    assert not report.failures
    for claimed in jobs:
        source = decode_picture(blobs.get(claimed.spec.image.path), LIMIT)
        done = report.done_jobs[claimed.job_id]
        assert done.recipe.engine == "diffusers"
        # Of six canvases, as many as the model takes in a call.
        assert done.recipe.batch_size == 2
        first, second = (decode_picture(blobs.get(o.path), LIMIT) for o in done.outputs)
        assert not np.array_equal(first.color, second.color)
        for result in (first, second):
            assert np.array_equal(result.channels()[mask == 0], source.channels()[mask == 0])


def test_generate_tells_in_the_file_how_it_was_made(
    blobs: BlobStore, tiny_engines: EngineRegistry
) -> None:
    image, mask = make_image("RGB", 90, 70), make_box_mask(90, 70, (30, 20, 60, 50))
    params = InpaintParams(
        seed=7, num_images=3, num_inference_steps=2, prompt="secret", tags=["secret"], grow=2
    )
    claimed = inpaint_job(
        blobs, encode(image), encode(mask), params, method="generate", model="tiny"
    )
    report = RecordingReporter()
    paint([claimed], blobs, tiny_engines, report, max_image_pixels=LIMIT)
    done = report.done_jobs[claimed.job_id]
    told = [_read_recipe(blobs.get(output.path)) for output in done.outputs]
    assert [one["seed"] for one in told] == [7, 8, 9]
    assert [one["recipe"]["details"]["seed"] for one in told] == [7, 8, 9]
    # Two of the three shared a call.
    assert [one["recipe"]["batch_size"] for one in told] == [2, 2, 1]
    assert told[0]["recipe"] == done.recipe.model_dump(mode="json", exclude_none=True)
    assert told[0]["params"] == {"num_inference_steps": 2, "grow": 2}
    assert (told[0]["operation"], told[0]["model"]) == ("inpaint", "tiny")
    for output in done.outputs:
        data = blobs.get(output.path)
        assert b"secret" not in data
        assert hashlib.sha256(data).hexdigest() == output.sha256 == output.proof.output_sha256


@pytest.mark.parametrize("wanted", ["not embedded", "jpeg", "patch"])
def test_files_tell_nothing_where_they_are_not_to(
    blobs: BlobStore, tiny_engines: EngineRegistry, engines: EngineRegistry, wanted: str
) -> None:
    image, mask = make_image("RGB", 90, 70), make_box_mask(90, 70, (30, 20, 60, 50))
    params = InpaintParams(
        seed=7, output_format="jpeg" if wanted == "jpeg" else "png", num_inference_steps=2
    )
    claimed = inpaint_job(blobs, encode(image), encode(mask), params)
    if wanted != "patch":
        claimed = inpaint_job(
            blobs, encode(image), encode(mask), params, method="generate", model="tiny"
        )
    report = RecordingReporter()
    paint(
        [claimed],
        blobs,
        engines if wanted == "patch" else tiny_engines,
        report,
        max_image_pixels=LIMIT,
        embed_recipe=wanted != "not embedded",
    )
    [output] = report.done_jobs[claimed.job_id].outputs
    assert b"paintjob" not in blobs.get(output.path)


def _read_recipe(png: bytes) -> dict[str, Any]:
    with Image.open(BytesIO(png)) as image:
        image.load()
        told: dict[str, Any] = json.loads(image.text["paintjob"])  # type: ignore[attr-defined]
    return told


def test_generate_outpaints_to_the_exact_size(
    blobs: BlobStore, tiny_engines: EngineRegistry
) -> None:
    claimed = outpaint_job(
        blobs,
        encode(make_image("RGB", 90, 70)),
        plan_margins(90, 70, Margins(left=13, top=0, right=40, bottom=7)),
        OutpaintParams(seed=3, num_inference_steps=2),
        method="generate",
        model="tiny",
    )
    report = RecordingReporter()
    paint([claimed], blobs, tiny_engines, report, max_image_pixels=LIMIT)
    [output] = report.done_jobs[claimed.job_id].outputs
    assert (output.width, output.height) == (143, 77)
    assert output.proof.kept_pixels == 90 * 70
    assert output.proof.kept_pixels_changed == 0
