"""The client as others install it: its own wheel in a bare environment, against a real service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.deployment import running_up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "service" / "client"
PINS = ROOT / "deploy" / "requirements" / "api.txt"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]

PROGRAM = """
import asyncio, importlib.util, sys, zipfile
from pathlib import Path
from paintjob_client import AsyncPaintjobClient, PaintjobApiError, PaintjobClient

for absent in ("service", "flask", "redis", "rq"):
    assert importlib.util.find_spec(absent) is None, absent
url, pictures = sys.argv[1], Path(sys.argv[2])
image, mask = pictures / "rocket.jpg", pictures / "rocket-mask.png"
batch = [{"operation": "outpaint", "method": "mirror", "image": {"part": "a"}, "right": 8}]

with PaintjobClient(url) as client:
    job = client.submit("inpaint", image, mask, {"method": "patch", "tags": ["bare"]})
    *_, last = client.events(job.id)
    assert last.job is not None and last.job.status == "succeeded"
    assert last.job.outputs[0].proof.kept_pixels_changed == 0
    client.save(client.wait(job.id), Path("sync.png"))
    assert [one.id for one in client.list_jobs(tag="bare")] == [job.id]
    upload = client.upload(image)
    items = [*batch, {**batch[0], "image": {"upload": upload.id}}]
    assert client.plan_batch(items, {"a": image}).refused == 0
    batch_id = client.submit_batch(items, {"a": image}).id
    *_, last = client.batch_events(batch_id)
    assert last.type == "ended"
    done = client.wait_batch(batch_id)
    assert done.counts.succeeded == 2, done
    assert [one.id for one in client.list_batches()] == [batch_id]
    client.save_batch_results(done.id, Path("sync.zip"))
    assert len(zipfile.ZipFile("sync.zip").namelist()) == 3
    assert sum(day.jobs for day in client.get_usage().days) == 3
    client.delete(job.id)
    try:
        client.get_job(job.id)
    except PaintjobApiError as error:
        assert error.code == "job_expired"

async def run():
    async with AsyncPaintjobClient(url) as client:
        job = await client.submit("inpaint", image, mask, {"method": "patch"})
        kinds = [event.type async for event in client.events(job.id)]
        assert kinds[0] == kinds[-1] == "status", kinds
        await client.save(await client.wait(job.id), Path("async.png"))
        done = await client.wait_batch((await client.submit_batch(batch, {"a": image})).id)
        assert [item.status async for item in client.list_batch_items(done.id)] == ["succeeded"]
        await client.save_batch_results(done.id, Path("async.zip"))

asyncio.run(run())
"""


def test_installed_client_paints_without_the_service(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(FOLDER, source, ignore=shutil.ignore_patterns("__pycache__"))
    wheels, folder = tmp_path / "wheels", tmp_path / "bare"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run(*pip, "wheel", "--no-deps", "-w", str(wheels), str(source))
    [wheel] = wheels.glob("*.whl")
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = str(folder / "bin" / "python")
    pins = tmp_path / "pins.txt"
    pins.write_text("\n".join(re.findall(r"^[\w.-]+==[\w.]+", PINS.read_text(), re.MULTILINE)))
    _run(*pip, "--python", python, "install", "--constraint", str(pins), str(wheel))
    with running_up(PAINTJOB_SELF_MODEL="false") as up:
        program = [python, "-W", "error", "-c", PROGRAM]
        _run(*program, up.url, str(ROOT / "demo" / "pictures"), cwd=tmp_path)
    kept = {name: (tmp_path / name).read_bytes()[:4] for name in ("sync.png", "async.png")}
    assert set(kept.values()) == {b"\x89PNG"}


def test_client_has_the_version_of_the_service_and_asks_for_what_it_imports() -> None:
    service = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert PROJECT["version"] == service["version"]
    asked = {re.match(r"[\w-]+", need)[0] for need in PROJECT["dependencies"]}  # type: ignore[index]
    text = "".join(file.read_text() for file in FOLDER.glob("*.py"))
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert imported - sys.stdlib_module_names == asked


def _run(*command: str, cwd: Path | None = None) -> None:
    environ = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
