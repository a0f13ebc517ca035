"""Erasers through the whole service: HTTP, Redis, worker, horse, and back.

One service and one worker hold tiny nets of every family, under the published names and shapes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.broker import running_broker
from tests.support.model_service import ModelService, running_service
from tests.support.patience import wait_for
from tests.support.pictures import encode, make_box_mask, make_rgb
from tests.support.tiny_nets import write_lama, write_mi_gan, write_moebius

pytestmark = pytest.mark.slow

FAMILIES = ("mi-gan", "lama", "moebius")
IMAGE = make_rgb("texture", 190, 130)
MASK = make_box_mask(190, 130, (60, 40, 110, 90))
MANY_STEPS = 200


def _entries(folder: Path) -> list[dict[str, object]]:
    sources = {
        "mi-gan": write_mi_gan(folder),
        "lama": write_lama(folder),
        "moebius": write_moebius(folder),
    }
    return [
        {"name": f"tiny-{family}", "family": family, "source": str(source), "max_batch": 4}
        for family, source in sources.items()
    ]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelService]:
    folder = tmp_path_factory.mktemp("nets")
    entries = _entries(folder)
    digest = hashlib.sha256((folder / "migan.onnx").read_bytes()).hexdigest()
    entries[0]["sha256"] = {f'"{folder}/migan.onnx"': {'"migan.onnx"': digest}}
    directory = tmp_path_factory.mktemp("service")
    with (
        running_broker() as broker,
        running_service(
            broker.url, directory, entries, group="erase", has_default=False
        ) as running,
    ):
        yield running


@pytest.mark.parametrize("family", FAMILIES)
def test_a_hole_is_filled_and_the_rest_kept(service: ModelService, family: str) -> None:
    job = service.wait(service.inpaint(IMAGE, MASK, model=f"tiny-{family}", seed=3))
    painted, kept = service.fetch(job["id"]), MASK == 0
    assert np.array_equal(painted[kept], IMAGE[kept])
    assert np.abs(painted[~kept].astype(int) - IMAGE[~kept]).mean() > 3
    recipe = job["recipe"]
    assert recipe["details"]["family"] == family
    assert recipe["engine"] == ("torch" if family == "lama" else "onnxruntime")
    [output] = job["outputs"]
    assert output["proof"]["kept_pixels_changed"] == 0
    assert (job["params"]["prompt"], job["params"]["infill"]) == (None, None)


def test_auto_means_an_eraser_where_no_prompt_is_sent(service: ModelService) -> None:
    files = {"image": encode(IMAGE), "mask": encode(MASK)}
    sent = service.client.post("/inpaint", files=files)
    assert sent.status_code == 202, sent.text
    job = service.wait(sent.json()["id"])
    assert (job["method"], job["params"]["model"]) == ("generate", "tiny-mi-gan")
    methods = service.client.get("/methods").json()["methods"]
    meant = {
        (one["operation"], one["name"]): one["auto_model"] for one in methods if one["is_default"]
    }
    assert meant.pop(("inpaint", "generate")) == "tiny-mi-gan"
    assert set(meant.values()) == {None}


def test_models_are_listed_with_what_they_are_for(service: ModelService) -> None:
    models = service.client.get("/models").json()["models"]
    shown = {one["name"]: one for one in models if one["configured"]}
    assert {one["kind"] for one in shown.values()} == {"eraser"}
    assert not any(one["extends"] for one in shown.values())
    assert {name for name, one in shown.items() if one["is_pinned"]} == {"tiny-mi-gan"}
    assert {one["workers_online"] for one in shown.values()} == {1}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_an_eraser_cannot_honor_is_refused_by_name(service: ModelService, family: str) -> None:
    files = {"image": encode(IMAGE), "mask": encode(MASK)}
    data = {"model": f"tiny-{family}", "prompt": "a tree", "strength": "0.5"}
    refused = service.client.post("/inpaint?dry_run=true", files=files, data=data)
    assert refused.status_code == 422
    assert {one["pointer"] for one in refused.json()["errors"]} >= {"/prompt", "/strength"}
    data = {"model": f"tiny-{family}", "left": "20"}
    wide = service.client.post("/outpaint", files={"image": encode(IMAGE)}, data=data)
    assert wide.status_code == 422
    [error] = wide.json()["errors"]
    assert error["pointer"] == "/model" and "does not extend pictures" in error["message"]


def test_pictures_of_several_jobs_share_a_call(service: ModelService) -> None:
    with service.holding():
        jobs = [
            service.inpaint(make_rgb("texture", 190, 130, seed), MASK, model="tiny-mi-gan")
            for seed in range(3)
        ]
    assert [service.wait(job_id)["recipe"]["batch_size"] for job_id in jobs] == [3] * 3


def test_a_running_job_can_be_canceled_between_steps(service: ModelService) -> None:
    image, mask = make_rgb("texture", 2200, 1200), np.zeros((1200, 2200), np.uint8)
    # Eight crops of four pictures: the steps of one of so small a net are soon over.
    mask[100::600, 100::550] = 255
    job_id = service.inpaint(
        image, mask, model="tiny-moebius", num_inference_steps=MANY_STEPS, num_images=4
    )

    def is_painting() -> bool:
        progress = service.client.get(f"/jobs/{job_id}").json()["progress"]
        return progress is not None and progress["stage"] == "paint"

    wait_for(is_painting, service.stack.logs)
    assert service.client.post(f"/jobs/{job_id}/cancel").status_code == 202
    record = service.stack.wait_ended(job_id)
    assert (record.status, record.outputs) == ("canceled", [])
    service.wait(service.inpaint(IMAGE, MASK, model="tiny-moebius", num_inference_steps=2))


def test_pictures_too_small_or_long_for_other_models_are_painted(service: ModelService) -> None:
    for width, height in ((20, 14), (700, 9)):
        image, mask = make_rgb("texture", width, height), make_box_mask(width, height, (4, 2, 9, 8))
        for family in ("mi-gan", "lama"):
            job = service.wait(service.inpaint(image, mask, model=f"tiny-{family}"))
            assert np.array_equal(service.fetch(job["id"])[mask == 0], image[mask == 0])
