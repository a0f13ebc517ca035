"""Every family of models through the whole service: HTTP, Redis, worker, horse, and back.

One service and one worker hold tiny pipelines of all of them, two at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from service.contract.families import FAMILIES
from tests.support.broker import running_broker
from tests.support.model_service import ModelService, running_service
from tests.support.patience import wait_for
from tests.support.pictures import encode, make_box_mask, make_rgb
from tests.support.tiny_pipelines import BUILDERS
from tests.unit.worker.engines.diffusion.painting import LIBRARY_WARNINGS, largest_difference
from worker.engines.diffusion.families import ADAPTERS
from worker.imaging import ImageArray, MaskArray

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]

MODEL_BYTES = 1000
BUDGET_BYTES = 2500
STEPS = 3
MANY_STEPS = 200


@dataclass(frozen=True)
class Asked:
    """What one job of a batch asks for; no two ask for the same."""

    seed: int
    width: int = 90
    height: int = 66

    @property
    def image(self) -> ImageArray:
        return make_rgb("texture", self.width, self.height, self.seed)

    @property
    def mask(self) -> MaskArray:
        return make_box_mask(self.width, self.height, (10 + 3 * self.seed, 10, 50, 40 + self.seed))

    @property
    def prompt(self) -> str:
        return f"picture {self.seed} " * (self.seed + 1)

    def submit(self, service: ModelService, family: str, **fields: object) -> str:
        asked = {"model": _name(family), "prompt": self.prompt, "seed": self.seed, **fields}
        return service.inpaint(self.image, self.mask, **asked)


MATES = tuple(Asked(seed) for seed in range(4))
OTHER = Asked(4, 130, 70)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelService]:
    models = [_entry(family, tmp_path_factory) for family in BUILDERS]
    directory = tmp_path_factory.mktemp("service")
    with (
        running_broker() as broker,
        running_service(
            broker.url, directory, models, model_memory_bytes=str(BUDGET_BYTES)
        ) as running,
    ):
        yield running


def _entry(family: str, folder: pytest.TempPathFactory) -> dict[str, object]:
    directory = BUILDERS[family](folder.mktemp(family))
    adapter = ADAPTERS[family]
    entry: dict[str, object] = {
        "name": _name(family),
        "family": family,
        "source": str(directory),
        "native_pixels": 64 * 64,
        "max_batch": 4,
        "memory_bytes": MODEL_BYTES,
        "defaults": {"num_inference_steps": STEPS, "guidance_scale": 3.0},
    }
    if adapter.controlnet is not None:
        entry["controlnet"] = str(directory / "controlnet")
    if adapter.sequence_length is not None:
        entry["max_sequence_length"] = 64
    return entry


@pytest.fixture(scope="module", params=BUILDERS)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def batch(service: ModelService, family: str) -> list[str]:
    """The jobs of a batch and one of another size, all found at once by the worker."""
    with service.holding():
        jobs = [one.submit(service, family) for one in (*MATES, OTHER)]
    for job_id in jobs:
        service.wait(job_id)
    return jobs


def test_a_call_paints_what_its_jobs_get_alone(
    service: ModelService, family: str, batch: list[str]
) -> None:
    recipes = [service.wait(job_id)["recipe"] for job_id in batch]
    count = 4 if FAMILIES[family].shares_calls else 1
    for told in (one["batch_size"] for one in recipes), (one["details"]["rows"] for one in recipes):
        assert list(told) == [count] * 4 + [1]
    pictures = [service.fetch(job_id) for job_id in batch]
    for asked, together in zip((*MATES, OTHER), pictures, strict=True):
        alone = asked.submit(service, family, deterministic=True)
        assert service.wait(alone)["recipe"]["batch_size"] == 1
        assert largest_difference(service.fetch(alone), together) <= 1
    inside = (MATES[0].mask & MATES[1].mask) > 0
    assert largest_difference(pictures[0][inside], pictures[1][inside]) > 8


def test_inpainting_keeps_and_proves_what_is_outside_the_mask(
    service: ModelService, batch: list[str]
) -> None:
    for asked, job_id in zip((*MATES, OTHER), batch, strict=True):
        image, kept = service.fetch(job_id), asked.mask == 0
        assert np.array_equal(image[kept], asked.image[kept])
        assert not np.array_equal(image[~kept], asked.image[~kept])
        [output] = service.wait(job_id)["outputs"]
        proof = output["proof"]
        assert (proof["kept_pixels"], proof["kept_pixels_changed"]) == (int(kept.sum()), 0)
        assert proof["output_sha256"] == output["sha256"]


def test_the_recipe_names_all_that_painting_again_takes(
    service: ModelService, family: str, batch: list[str]
) -> None:
    job = service.wait(batch[1])
    recipe, traits = job["recipe"], FAMILIES[family]
    details = recipe["details"]
    assert (recipe["engine"], recipe["dtype"]) == ("diffusers", "float32")
    assert recipe["scheduler"] and {"torch", "diffusers", "transformers"} <= set(recipe["versions"])
    assert (details["family"], details["pipeline"]) == (family, traits.pipeline)
    assert (details["seed"], details["num_inference_steps"]) == (1, STEPS)
    assert details["steps_run"] >= 1
    for name in ("strength", "guidance_scale"):
        assert (name in details) == (name in traits.honors) == (job["params"][name] is not None)
    again = service.inpaint(
        MATES[1].image,
        MATES[1].mask,
        **{name: value for name, value in job["params"].items() if _was_asked(name, value)},
    )
    assert largest_difference(service.fetch(service.wait(again)["id"]), _picture(service, job)) <= 1


def test_outpainting_lays_the_picture_unchanged_on_a_larger_canvas(
    service: ModelService, family: str
) -> None:
    image = make_rgb("texture", 70, 64)
    margins = {"left": 20, "right": 7, "bottom": 11}
    job = service.wait(service.outpaint(image, model=_name(family), prompt="more of it", **margins))
    painted = service.fetch(job["id"])
    assert painted.shape == (75, 97, 3)
    assert np.array_equal(painted[:64, 20:90], image)
    assert painted[64:].std() > 1
    proof = job["outputs"][0]["proof"]
    assert (proof["kept_pixels"], proof["kept_pixels_changed"]) == (70 * 64, 0)


def test_a_running_job_tells_its_steps_and_can_be_canceled(
    service: ModelService, family: str, batch: list[str]
) -> None:
    job_id = MATES[0].submit(service, family, num_inference_steps=MANY_STEPS)

    def is_painting() -> bool:
        progress = service.client.get(f"/jobs/{job_id}").json()["progress"]
        return progress is not None and progress["stage"] == "paint" and progress["step"] >= 2

    wait_for(is_painting, service.stack.logs)
    assert service.client.post(f"/jobs/{job_id}/cancel").status_code == 202
    record = service.stack.wait_ended(job_id)
    assert (record.status, record.outputs) == ("canceled", [])
    _check_progress(service, job_id)
    after = service.fetch(service.wait(MATES[0].submit(service, family, deterministic=True))["id"])
    before = service.fetch(service.wait(MATES[0].submit(service, family, deterministic=True))["id"])
    assert np.array_equal(after, before)
    assert largest_difference(after, service.fetch(batch[0])) <= 1


def _check_progress(service: ModelService, job_id: str) -> None:
    events = [one for one in service.stack.events(job_id) if one["type"] == "progress"]
    told = [json.loads(one["data"]) for one in events]
    painting = [one for one in told if one["stage"] == "paint"]
    steps = [one["step"] for one in painting]
    assert steps == sorted(steps) and 0 < steps[-1] < MANY_STEPS
    assert len({one["steps"] for one in painting}) == 1
    fractions = [one["fraction"] for one in told]
    assert fractions == sorted(fractions) and 0 < fractions[-1] < 0.9


def test_memory_holds_the_models_that_were_used_last(
    service: ModelService, family: str, batch: list[str]
) -> None:
    assert batch
    wait_for(lambda: _name(family) in service.loaded_models(), service.stack.logs)
    assert len(service.loaded_models()) * MODEL_BYTES <= BUDGET_BYTES


def test_what_a_family_cannot_honor_is_refused_at_submission(
    service: ModelService, family: str
) -> None:
    values = {"negative_prompt": "rain", "strength": "0.5", "guidance_scale": "2"}
    files = {"image": encode(OTHER.image), "mask": encode(OTHER.mask)}
    traits = FAMILIES[family]
    for name, value in values.items():
        data = {"method": "generate", "model": _name(family), name: value}
        response = service.client.post("/inpaint?dry_run=true", files=files, data=data)
        assert response.is_success == (name in traits.honors), response.text
        if not response.is_success:
            assert response.json()["errors"][0]["pointer"] == f"/{name}"


def test_an_intent_and_a_reference_reach_the_model(service: ModelService) -> None:
    asked = MATES[0]
    files = {"image": encode(asked.image), "mask": encode(asked.mask)}
    files["reference_image"] = encode(make_rgb("gradient", 70, 90))
    data = {"model": _name("flux2-klein"), "intent": "replace", "prompt": "a door", "seed": "1"}
    job_id = service.client.post("/inpaint", files=files, data=data).json()["id"]
    job = service.wait(job_id)
    details = job["recipe"]["details"]
    assert (details["infill"], details["reference_size"]) == ("neutral", [64, 96])
    assert details["set_by"] == {"infill": "intent", "strength": "intent"}
    without = service.inpaint(asked.image, asked.mask, **data)
    service.wait(without)
    assert not np.array_equal(service.fetch(job_id), service.fetch(without))
    paths = [str(path) for path in service.stack.blobs.list(f"jobs/{job_id}/")]
    assert any("reference_image" in path for path in paths)
    assert service.client.delete(f"/jobs/{job_id}").status_code == 204
    wait_for(lambda: not list(service.stack.blobs.list(f"jobs/{job_id}/")), service.stack.logs)


def _name(family: str) -> str:
    """Name a family's model as none that Paintjob knows: that one's entry would complete it."""
    return f"tiny-{family}"


def _was_asked(name: str, value: Any) -> bool:
    """Return whether a parameter can be asked for as the job tells it."""
    return value is not None and name not in ("method", "tags")


def _picture(service: ModelService, job: dict[str, Any]) -> ImageArray:
    return service.fetch(job["id"])
