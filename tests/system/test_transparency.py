"""Transparency over HTTP: real server, real worker, weight-free."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import cv2
import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.broker import running_broker
from tests.support.pictures import encode, make_box_mask, make_rgb
from tests.support.server import running_server
from tests.support.stack import running_stack

pytestmark = pytest.mark.slow

MAGENTA = (255, 0, 255, 0)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder = tmp_path_factory.mktemp("transparency")
    where = {"PAINTJOB_DATA_DIR": str(folder), "PAINTJOB_HTTP_WORKERS": "1"}
    with (
        running_broker() as broker,
        running_stack(broker.url, folder) as stack,
        running_server(broker.url, folder, **where) as server,
    ):
        stack.start_worker(engines="worker.engines.registry:build_engines")
        with httpx2.Client(base_url=server.url, timeout=90) as client:
            yield client


def make_sprite(seed: int) -> NDArray[np.uint8]:
    """Return a soft disk amid transparency over a color that nobody may see."""
    shape = cv2.circle(np.zeros((120, 120), np.uint8), (60, 60), 34, 255, -1)
    alpha = np.asarray(cv2.GaussianBlur(shape, (0, 0), 2), np.uint8)
    sprite = np.dstack((make_rgb("texture", 120, 120, seed) // 3, alpha))
    sprite[..., 1] += 100
    sprite[alpha == 0] = MAGENTA
    return sprite


def paint(
    client: httpx2.Client, operation: str, files: dict[str, bytes], **params: Any
) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Return the result's pixels, and the details of the warnings by code."""
    response = client.post(
        f"/{operation}",
        files={name: (f"{name}.png", data, "image/png") for name, data in files.items()},
        data={name: str(value) for name, value in params.items()},
        headers={"Prefer": "wait=60"},
    )
    job = response.json()
    assert job["status"] == "succeeded", json.dumps(job)
    [output] = job["outputs"]
    assert output["proof"]["kept_pixels_changed"] == 0
    result = Image.open(io.BytesIO(client.get(output["url"]).content))
    return np.asarray(result), {each["code"]: each["detail"] for each in job["warnings"]}


@pytest.mark.parametrize("method", ["pattern", "mirror"])
def test_a_sprite_is_extended_transparently(client: httpx2.Client, method: str) -> None:
    sprite = make_sprite(0)
    files = {"image": encode(sprite)}
    result, _ = paint(client, "outpaint", files, method=method, left=50, seed=1)
    assert result.shape == (120, 170, 4)
    assert not result[:, :50].any()
    assert np.array_equal(result[:, 50:], sprite)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_the_rim_of_a_cutout_goes_on_through_a_hole(client: httpx2.Client, mode: str) -> None:
    sprite = make_sprite(1)
    mask = make_box_mask(120, 120, (82, 48, 106, 72))
    sprite[mask > 0] = (255, 0, 255, 255)
    picture = Image.fromarray(sprite).convert(mode)
    files = {"image": encode(picture), "mask": encode(mask)}
    result, _ = paint(client, "inpaint", files, method="patch", seed=1)
    alpha = result[..., -1]
    assert np.array_equal(result[mask == 0], np.asarray(picture)[mask == 0])
    assert (alpha[mask > 0] == 0).any()
    assert (alpha[mask > 0] == 255).any()
    assert not result[(mask > 0) & (alpha == 0)].any()


def test_a_rim_that_stays_is_told_with_the_threshold_that_takes_it(client: httpx2.Client) -> None:
    sprite = make_sprite(2)
    files = {"image": encode(sprite)}
    asked = {"method": "patch", "mask_source": "alpha", "seed": 1}
    result, warnings = paint(client, "inpaint", files, **asked)
    rim = (sprite[..., 3] > 127) & (sprite[..., 3] < 255)
    assert warnings["alpha_rim_kept"].startswith(f"{np.count_nonzero(rim)} kept pixels")
    assert np.array_equal(result[rim], sprite[rim])
    threshold = warnings["alpha_rim_kept"].split("mask_threshold: ")[1].split()[0]
    result, warnings = paint(client, "inpaint", files, **asked, mask_threshold=threshold)
    assert "alpha_rim_kept" not in warnings
    assert (result[..., 3] == 255).all()


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
def test_no_forbidden_pixel_comes_through(client: httpx2.Client, quality: str) -> None:
    noise = np.random.default_rng(0).normal((60, 140, 60), 8, (120, 120, 3))
    picture = noise.clip(0, 255).astype(np.uint8)
    sources = np.full((120, 120), 255, np.uint8)
    for y in range(3, 120, 11):
        for x in range(3, 120, 11):
            picture[y : y + 3, x : x + 3] = (220, 30, 30)
            sources[y : y + 3, x : x + 3] = 0
    mask = make_box_mask(120, 120, (40, 40, 80, 80))
    files = {"image": encode(picture), "mask": encode(mask), "source_mask": encode(sources)}
    result, _ = paint(client, "inpaint", files, method="patch", quality=quality, seed=1)
    inside = result[mask > 0].astype(int)
    assert (inside[:, 0] < inside[:, 1]).all()


def test_a_soft_mask_is_told(client: httpx2.Client) -> None:
    mask = cv2.GaussianBlur(make_box_mask(120, 120, (40, 40, 80, 80)), (0, 0), 2)
    files = {"image": encode(make_rgb("texture", 120, 120)), "mask": encode(np.asarray(mask))}
    _, warnings = paint(client, "inpaint", files, method="patch", seed=1)
    count = np.count_nonzero((mask > 0) & (mask < 128))
    assert warnings["soft_mask_edge_kept"].startswith(f"{count} gray pixels")
