"""`generate` with real pipelines through a real worker: previews, and several models by turns."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from service.broker import EmbeddedBroker
from service.contract.jobs import JobStatus
from tests.support.http import mask, picture
from tests.support.server import running_server
from tests.support.stack import Stack, running_stack, wait_for
from tests.support.tiny_pipelines import build_tiny_sd_inpaint

pytestmark = pytest.mark.slow

MODEL_BYTES = 1000
BUDGET_BYTES = 1500


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sd_inpaint(tmp_path_factory.mktemp("tiny"))


@contextmanager
def running_models(
    broker: EmbeddedBroker, directory: Path, weights: Path, names: Sequence[str], **more: str
) -> Iterator[Stack]:
    """Run a worker that has these models, all with the same weights."""
    models = directory / "models.toml"
    models.write_text(
        "".join(
            f'[[models]]\nname = "{name}"\nfamily = "stable-diffusion"\nsource = "{weights}"\n'
            f"native_pixels = 65536\nmemory_bytes = {MODEL_BYTES}\n"
            f"default = {str(not place).lower()}\n"
            for place, name in enumerate(names)
        )
    )
    environ = {
        "PAINTJOB_ENGINES": "worker.engines.registry:build_engines",
        "PAINTJOB_QUEUE": "paint-gpu:default",
        "PAINTJOB_MODELS_FILE": str(models),
        "PAINTJOB_TORCH_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with running_stack(
        broker.url, directory, lease_seconds=5.0, environ=environ, ready_seconds=90
    ) as stack:
        stack.start_worker(**more)
        yield stack


@contextmanager
def running_api(stack: Stack) -> Iterator[httpx.Client]:
    settings = {
        "PAINTJOB_DATA_DIR": str(stack.directory),
        "PAINTJOB_MODELS_FILE": stack.environ["PAINTJOB_MODELS_FILE"],
    }
    with (
        running_server(stack.broker_url, stack.directory, **settings) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        yield client


def post(client: httpx.Client, **fields: object) -> dict[str, Any]:
    files = {"image": picture(256, 256), "mask": mask(256, 256, (64, 64, 192, 192))}
    data = {"method": "generate", **{name: str(value) for name, value in fields.items()}}
    response = client.post("/inpaint", files=files, data=data)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def test_job_shows_previews_while_it_runs(
    private_broker: EmbeddedBroker, tmp_path: Path, weights: Path
) -> None:
    with (
        running_models(private_broker, tmp_path, weights, ["tiny"]) as stack,
        running_api(stack) as client,
    ):
        stack.start("service.courier", courier_interval_seconds="0.2")
        job = post(client, num_inference_steps=200, num_images=3)
        url, seen = job["links"]["self"], dict[str, bytes]()
        assert client.get(f"{url}/preview").json()["code"] == "not_finished"

        def look() -> bool:
            progress = client.get(url).json()["progress"]
            if progress is not None and progress["preview_url"] is not None:
                shown = client.get(progress["preview_url"])
                assert shown.headers["Content-Type"] == "image/jpeg", shown.text
                seen[shown.headers["ETag"]] = shown.content
            return stack.record(job["id"]).status.is_terminal

        wait_for(look, 120, stack.logs)
        assert client.get(url).json()["status"] == "succeeded", stack.logs()
        assert len(seen) >= 2
        for jpeg in seen.values():
            image = Image.open(io.BytesIO(jpeg))
            assert (image.format, image.size) == ("JPEG", (256, 256))
        etag = client.get(f"{url}/preview").headers["ETag"]
        known = client.get(f"{url}/preview", headers={"If-None-Match": etag})
        assert (known.status_code, known.content) == (304, b"")
        _check_events(stack, job["id"])
        assert any("preview" in path for path in stack.blobs.list(f"jobs/{job['id']}/"))
        assert client.delete(url).status_code == 204
        assert client.get(f"{url}/preview").status_code == 404
        wait_for(lambda: not stack.blobs.list(f"jobs/{job['id']}/"), 20, stack.logs)


def _check_events(stack: Stack, job_id: str) -> None:
    """Progress is told at most five times a second, and previews at most once."""
    events = stack.events(job_id)
    assert [int(event["version"]) for event in events] == list(range(1, len(events) + 1))
    told = [event for event in events if event["type"] == "progress"]
    gaps = [int(later["at"]) - int(earlier["at"]) for earlier, later in pairwise(told)]
    # Some milliseconds less, because what is paced is the call, not when Redis sees it.
    assert min(gaps) >= 150
    paths = [(int(event["at"]), json.loads(event["data"])["preview_path"]) for event in told]
    changes = [at for (_, before), (at, path) in pairwise(paths) if path != before]
    assert len(changes) >= 2
    assert all(later - earlier >= 700 for earlier, later in pairwise(changes))


def test_models_take_turns_where_memory_holds_one(
    private_broker: EmbeddedBroker, tmp_path: Path, weights: Path
) -> None:
    budget = {"model_memory_bytes": str(BUDGET_BYTES)}
    with (
        running_models(private_broker, tmp_path, weights, ["first", "second"], **budget) as stack,
        running_api(stack) as client,
    ):
        assert [worker.models for worker in stack.store.workers()] == [["first"]]
        for name in ("second", "first", "first", "second"):
            job = post(client, model=name, num_inference_steps=2)
            record = stack.wait_ended(job["id"], 60)
            assert record.status is JobStatus.SUCCEEDED, stack.logs()
            wait_for(lambda name=name: _loaded(stack) == [name], 10, stack.logs)  # type: ignore[misc]
        logs = [json.loads(line) for line in stack.logs().splitlines() if "model_unloaded" in line]
        unloaded = [entry["model"] for entry in logs]
        assert unloaded == ["first", "second", "first"]


def _loaded(stack: Stack) -> list[str]:
    [worker] = stack.store.workers()
    return worker.models
