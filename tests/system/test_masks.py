"""Masks that are found, through the whole service: real server, real worker, GrabCut."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from service.client import PaintjobClient
from service.contract.regions import Region
from service.pictures.region_drawing import draw_regions
from tests.support.deployment import running_up
from tests.support.pictures import encode

pytestmark = pytest.mark.slow

SIZE = (240, 180)
SUBJECT = [{"find": "subject"}]


def _make_product() -> Image.Image:
    """Draw a thing on a graded ground with a little noise."""
    ramp = np.linspace(200, 235, SIZE[0])[None, :, None]
    noise = np.random.default_rng(1).normal(0, 1.5, (SIZE[1], SIZE[0], 3))
    product = Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8))
    ImageDraw.Draw(product).ellipse((80, 50, 160, 130), fill=(150, 40, 30))
    return product


PRODUCT = encode(_make_product())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_up(PAINTJOB_TEXT_FINDER="false") as up:
        yield up.url


@pytest.fixture
def client(url: str) -> Iterator[PaintjobClient]:
    with PaintjobClient(url) as client:
        yield client


def _decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


def test_found_mask_paints_as_the_search_itself_does(
    client: PaintjobClient, tmp_path: Path
) -> None:
    looked = client.wait(client.find(PRODUCT, SUBJECT).id)
    assert (looked.status, looked.operation) == ("succeeded", "mask")
    mask = client.get_result(looked.id)
    assert mask == client.get_mask(looked.id)
    assert looked.mask is not None
    assert looked.mask.effective is not None
    (found,) = looked.mask.effective.found
    assert (found.label, found.finder) == ("subject", "grabcut")
    assert found.rle is not None
    region = Region.model_validate({"rle": found.rle.model_dump(mode="json")})
    assert np.array_equal(np.asarray(draw_regions([region], SIZE)), _decode(mask))
    truth = Image.new("L", SIZE)
    ImageDraw.Draw(truth).ellipse((77, 47, 163, 133), fill=255)  # with its rim
    both = (np.asarray(truth) > 0) & (_decode(mask) > 0)
    either = (np.asarray(truth) > 0) | (_decode(mask) > 0)
    assert both.sum() / either.sum() > 0.95
    params = {"seed": 3, "quality": "fast"}
    by_job = client.submit("inpaint", PRODUCT, {"job": looked.id}, params)
    at_once = client.submit("inpaint", PRODUCT, None, {**params, "regions": SUBJECT})
    jobs = [client.wait(job.id) for job in (by_job, at_once)]
    results = [client.get_result(job.id) for job in jobs]
    assert results[0] == results[1]
    file = tmp_path / "result.png"
    client.save(jobs[1], file)
    assert jobs[1].outputs[0].proof.kept_pixels_changed == 0


def test_batch_and_facade_take_what_is_to_be_found(client: PaintjobClient, url: str) -> None:
    upload = client.upload(PRODUCT)
    image = {"upload": upload.id}
    items = [
        {"operation": "mask", "image": image, "regions": SUBJECT},
        {
            "operation": "mask",
            "image": image,
            "regions": [{"box": [60, 30, 180, 150], "refine": True}],
        },
        {"operation": "inpaint", "image": image, "regions": SUBJECT, "quality": "fast"},
    ]
    batch = client.wait_batch(client.submit_batch(items).id)
    assert batch.counts.succeeded == 3
    files = {"image": ("product.png", PRODUCT)}
    fields = {"prompt": "x", "regions": '[{"find": "subject"}]', "quality": "low"}
    answer = httpx2.post(f"{url}/v1/images/edits", files=files, data=fields, timeout=60)
    assert answer.status_code == 200, answer.text


def test_nothing_to_find_comes_back_unchanged_where_that_is_allowed(client: PaintjobClient) -> None:
    flat = encode(Image.new("RGB", SIZE, (90, 120, 90)))
    failed = client.wait(client.submit("inpaint", flat, None, {"regions": SUBJECT}).id)
    assert failed.error is not None
    assert (failed.error.code, failed.mask) == ("nothing_found", None)
    params = {"regions": SUBJECT, "if_nothing": "keep"}
    job = client.wait(client.submit("inpaint", flat, None, params).id)
    assert (job.status, [warning.code for warning in job.warnings]) == (
        "succeeded",
        ["nothing_found"],
    )
    assert job.crashes == 0
    result = np.asarray(Image.open(io.BytesIO(client.get_result(job.id))))
    assert (result == (90, 120, 90)).all()
