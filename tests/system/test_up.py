"""The whole service, run as its users run it: `paintjob up` and `paintjob submit`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from PIL import Image, ImageChops

from service.client import PaintjobClient
from service.contract.settings import BROKER_URL_FILE
from service.local.broker import EmbeddedBroker
from tests.support.deployment import ROOT, RunningUp, running_up, up_command
from tests.support.patience import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.slow
PICTURES = ROOT / "demo" / "pictures"


@pytest.fixture(scope="module")
def shared_up() -> Iterator[RunningUp]:
    with running_up() as up:
        yield up


def _paintjob(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _submit_photo(client: PaintjobClient) -> str:
    image, mask = PICTURES / "rocket.jpg", PICTURES / "rocket-mask.png"
    job = client.submit(
        "inpaint",
        (image.name, image.read_bytes()),
        (mask.name, mask.read_bytes()),
        {"method": "patch"},
    )
    return job.id


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_up_says_of_every_part_that_it_is_ready_before_it_prints_the_url(
    shared_up: RunningUp,
) -> None:
    parts = {line.split()[0] for line in shared_up.lines if " ready " in line}
    assert {"broker", "api", "courier", "worker-paint-cpu-1"} <= parts
    assert shared_up.lines[-1] == f"Paintjob is ready at {shared_up.url}"
    assert httpx2.get(f"{shared_up.url}/health/ready").status_code == 200


def test_submit_inpaints_a_photo_and_proves_it(shared_up: RunningUp, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    done = _paintjob(
        *("submit", "inpaint", str(PICTURES / "rocket.jpg"), "--url", shared_up.url),
        *("--mask", str(PICTURES / "rocket-mask.png"), "-o", str(output)),
    )
    assert done.returncode == 0, done.stderr
    assert "640x427 png, painted by patch; kept pixels: 265270, changed: 0" in done.stdout
    before = Image.open(PICTURES / "rocket.jpg").convert("RGB")
    after = Image.open(output).convert("RGB")
    assert ImageChops.difference(before, after).getbbox() is not None


def test_submit_outpaints_to_the_format_of_the_suffix(shared_up: RunningUp, tmp_path: Path) -> None:
    output = tmp_path / "out.jpg"
    done = _paintjob(
        *("submit", "outpaint", str(PICTURES / "cat.png"), "--url", shared_up.url),
        *("--aspect-ratio", "16:9", "--method", "mirror", "-o", str(output)),
    )
    assert done.returncode == 0, done.stderr
    with Image.open(output) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (533, 300)


def test_submit_tells_what_the_service_refused(shared_up: RunningUp, tmp_path: Path) -> None:
    done = _paintjob(
        *("submit", "outpaint", str(PICTURES / "cat.png"), "--url", shared_up.url),
        *("-o", str(tmp_path / "out.png")),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("paintjob: ")
    assert "Traceback" not in done.stderr


def test_models_list_asks_a_running_service(shared_up: RunningUp) -> None:
    done = _paintjob("models", "list", "--url", shared_up.url)
    assert done.returncode == 0, done.stderr
    assert "flux2-klein-4b" in done.stdout
    assert all(line.endswith("not served") for line in done.stdout.splitlines())


def test_workers_lists_who_is_online(shared_up: RunningUp) -> None:
    done = _paintjob("workers", "--data-dir", str(shared_up.data_dir))
    assert done.returncode == 0, done.stderr
    assert "paint-cpu" in done.stdout and "idle" in done.stdout


def test_kept_pixels_are_kept_in_a_mixed_run_of_twelve(shared_up: RunningUp) -> None:
    requests: list[tuple[str, str, str | None, dict[str, object]]] = [
        ("inpaint", "rocket.jpg", "rocket-mask.png", {"method": "patch"}),
        ("inpaint", "coffee.jpg", "coffee-mask.png", {"method": "auto", "grow": 2}),
        ("outpaint", "cat.png", None, {"method": "mirror", "left": 31, "bottom": 7}),
        ("outpaint", "coffee.jpg", None, {"method": "pattern", "aspect_ratio": "2:1"}),
    ] * 3
    with PaintjobClient(shared_up.url) as client:
        ids = []
        for operation, image, mask, params in requests:
            parts = [
                (name, (PICTURES / name).read_bytes()) if name else None for name in (image, mask)
            ]
            assert parts[0] is not None
            ids.append(client.submit(operation, parts[0], parts[1], params).id)
        jobs = [client.wait(job_id, timeout_seconds=PATIENCE_SECONDS) for job_id in ids]
    assert [job.status for job in jobs] == ["succeeded"] * 12
    assert [job.outputs[0].proof.kept_pixels_changed for job in jobs] == [0] * 12


def test_up_refuses_a_data_directory_in_use(shared_up: RunningUp) -> None:
    done = subprocess.run(
        up_command(shared_up.data_dir),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "another broker runs in" in done.stderr
    assert (shared_up.data_dir / BROKER_URL_FILE).exists()


def _kill_and_wait_for_the_next(up: RunningUp, word: str) -> None:
    [victim] = up.find_children(word)
    victim.kill()
    wait_for(lambda: any(child.pid != victim.pid for child in up.find_children(word)))


def test_up_restarts_what_was_killed_and_stays_at_its_address() -> None:
    with running_up() as up, PaintjobClient(up.url) as client:
        for word in ("gunicorn", "-m worker", "service.courier", "valkey-server"):
            _kill_and_wait_for_the_next(up, word)
            job = client.wait(_submit_photo(client), timeout_seconds=PATIENCE_SECONDS)
            assert job.status == "succeeded", word


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stops_everything_in_order(number: signal.Signals) -> None:
    with running_up("--workers", "2") as up:
        family = psutil.Process(up.process.pid).children(recursive=True)
        assert up.stop(number) == 0
        stopped = [line.split()[0] for line in up.lines if line.split()[1] == "stopped"]
        assert stopped == [
            "worker-paint-cpu-1",
            "worker-paint-cpu-2",
            "api",
            "courier",
            "broker",
        ]
        assert not [process for process in family if _is_alive(process)]
        assert not (up.data_dir / BROKER_URL_FILE).exists()


def test_up_takes_everything_along_when_it_is_killed() -> None:
    with running_up() as up:
        family = psutil.Process(up.process.pid).children(recursive=True)
        assert len(family) >= 6
        os.kill(up.process.pid, signal.SIGKILL)
        try:
            wait_for(lambda: not any(_is_alive(process) for process in family))
        finally:
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()


def test_up_uses_the_broker_that_it_is_given(private_broker: EmbeddedBroker) -> None:
    with running_up(PAINTJOB_REDIS_URL=private_broker.url) as up, PaintjobClient(up.url) as client:
        assert not up.find_children("valkey-server")
        assert (
            client.wait(_submit_photo(client), timeout_seconds=PATIENCE_SECONDS).status
            == "succeeded"
        )
    assert private_broker.answers()


def test_up_keeps_the_output_of_its_programs(shared_up: RunningUp) -> None:
    logs = {path.name for path in (shared_up.data_dir / "logs").iterdir()}
    assert {"api.log", "broker.log", "courier.log", "worker-paint-cpu-1.log"} <= logs


def test_up_serves_generate_without_any_weights() -> None:
    """The built-in model, in a worker of its own, for both operations."""
    with running_up(PAINTJOB_SELF_MODEL="true") as up, PaintjobClient(up.url) as client:
        names = [model.name for model in client.get_models() if model.configured]
        assert names == ["self"]
        picture = ("cat.png", (PICTURES / "cat.png").read_bytes())
        params = {"method": "generate", "num_images": 2, "num_inference_steps": 8, "right": 40}
        job = client.wait(
            client.submit("outpaint", picture, None, params).id, timeout_seconds=PATIENCE_SECONDS
        )
        assert (job.status, job.model) == ("succeeded", "self")
        recipe = httpx2.get(f"{up.url}/jobs/{job.id}").json()["recipe"]
        assert recipe["details"]["family"] == "self"
        assert [output.proof.kept_pixels_changed for output in job.outputs] == [0, 0]
        first, second = (client.get_result(job.id, index) for index in range(2))
        assert first != second


def test_up_asks_for_keys_and_says_how_they_are_made() -> None:
    with running_up(PAINTJOB_AUTH="keys") as up:
        assert any("paintjob keys create" in line for line in up.lines)
        assert httpx2.get(f"{up.url}/limits").status_code == 401
        made = _paintjob("keys", "create", "--tenant", "acme", "--data-dir", str(up.data_dir))
        assert made.returncode == 0, made.stderr
        headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        assert httpx2.get(f"{up.url}/limits", headers=headers).status_code == 200
