"""`generate` with real pipelines through a real worker: previews, and several models by turns."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from service.local.broker import EmbeddedBroker
from tests.support.model_service import ModelService, running_service
from tests.support.patience import wait_for
from tests.support.pictures import make_box_mask, make_rgb
from tests.support.stack import Stack
from tests.support.tiny_pipelines import build_tiny_sd_inpaint

pytestmark = pytest.mark.slow

MODEL_BYTES = 1000
BUDGET_BYTES = 1500


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sd_inpaint(tmp_path_factory.mktemp("tiny"))


def _entries(weights: Path, *names: str) -> list[dict[str, object]]:
    """Return entries of models that all have the same weights."""
    shared = {"family": "stable-diffusion", "source": str(weights), "native_pixels": 65536}
    return [{"name": name, "memory_bytes": MODEL_BYTES, **shared} for name in names]


def _post(service: ModelService, **fields: object) -> str:
    mask = make_box_mask(256, 256, (64, 64, 192, 192))
    return service.inpaint(make_rgb("gradient", 256, 256), mask, **fields)


def test_job_shows_previews_while_it_runs(
    private_broker: EmbeddedBroker, tmp_path: Path, weights: Path
) -> None:
    with running_service(private_broker.url, tmp_path, _entries(weights, "tiny")) as service:
        stack, client = service.stack, service.client
        stack.start("service.courier", courier_interval_seconds="0.2")
        job_id = _post(service, num_inference_steps=200, num_images=3)
        url, seen = f"/jobs/{job_id}", dict[str, bytes]()
        assert client.get(f"{url}/preview").json()["code"] == "not_finished"

        def look() -> bool:
            progress = client.get(url).json()["progress"]
            if progress is not None and progress["preview_url"] is not None:
                shown = client.get(progress["preview_url"])
                assert shown.headers["Content-Type"] == "image/jpeg", shown.text
                seen[shown.headers["ETag"]] = shown.content
            return stack.record(job_id).status.is_terminal

        wait_for(look, stack.logs)
        assert client.get(url).json()["status"] == "succeeded", stack.logs()
        assert len(seen) >= 2
        for jpeg in seen.values():
            image = Image.open(io.BytesIO(jpeg))
            assert (image.format, image.size) == ("JPEG", (256, 256))
        etag = client.get(f"{url}/preview").headers["ETag"]
        known = client.get(f"{url}/preview", headers={"If-None-Match": etag})
        assert (known.status_code, known.content) == (304, b"")
        _check_events(stack, job_id)
        assert any("preview" in path for path in stack.blobs.list(f"jobs/{job_id}/"))
        assert client.delete(url).status_code == 204
        assert client.get(f"{url}/preview").status_code == 404
        wait_for(lambda: not stack.blobs.list(f"jobs/{job_id}/"), stack.logs)


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
    entries = _entries(weights, "first", "second")
    with running_service(
        private_broker.url, tmp_path, entries, model_memory_bytes=str(BUDGET_BYTES)
    ) as service:
        assert service.loaded_models() == ["first"]
        for name in ("second", "first", "first", "second"):
            service.wait(_post(service, model=name, num_inference_steps=2))
            wait_for(lambda name=name: service.loaded_models() == [name], service.stack.logs)  # type: ignore[misc]
        lines = service.stack.logs(most=1_000_000).splitlines()
        logs = [json.loads(line) for line in lines if "model_unloaded" in line]
        assert [entry["model"] for entry in logs] == ["first", "second", "first"]
