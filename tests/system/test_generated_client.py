"""A client that nobody wrote by hand paints a job: what docs/clients.md promises, done."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import running_up
from tests.support.documents import ROOT, read_steps
from tests.support.generated_client import generate_client, importing, load
from tests.support.patience import wait_for
from tests.support.pictures import mask, picture

pytestmark = pytest.mark.slow


def _wait(client: Any, job: Any) -> Any:
    get_job = load("api.jobs.get_job")
    found = [job]

    def has_ended() -> bool:
        found.append(get_job.sync(job.id, client=client))
        return found[-1].status in ("succeeded", "failed", "canceled")

    wait_for(has_ended)
    return found[-1]


def _build_bodies() -> list[Any]:
    """Return the same request as a form and as JSON."""
    models, types = load("models"), load("types")
    form = models.InpaintForm(
        image=types.File(BytesIO(picture()), "a.png", "image/png"),
        mask=types.File(BytesIO(mask()), "m.png", "image/png"),
        seed=7,
        method=models.InpaintFormMethod("patch"),
        # A list in a form is JSON text.
        tags='["generated"]',
    )
    pictures = {
        "image": base64.b64encode(picture()).decode(),
        "mask": base64.b64encode(mask()).decode(),
    }
    fields = {"seed": 7, "method": "patch", "tags": ["generated"]}
    document = models.InpaintJson.from_dict({**pictures, **fields})
    return [form, document]


def test_generated_client_paints_a_job(tmp_path: Path) -> None:
    package = generate_client(tmp_path)
    with (
        importing(package),
        running_up() as up,
        load("client").Client(base_url=up.url) as client,
    ):
        _paint_in_both_forms(client)
        _run_program_of_document(package, up.url)


def _run_program_of_document(package: Path, url: str) -> None:
    """Run the program in docs/clients.md, in which the package has the name of ours."""
    folder = package.parent
    (folder / "paintjob_client").symlink_to(package)
    for name in ("rocket.jpg", "rocket-mask.png"):
        shutil.copy(ROOT / "demo" / "pictures" / name, folder)
    [step] = [
        step
        for step in read_steps(ROOT / "docs" / "clients.md")
        if step.argument == "tests/system/test_generated_client.py"
    ]
    program = step.code.replace("http://127.0.0.1:8080", url)
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)


def _paint_in_both_forms(client: Any) -> None:
    create, get_result = load("api.paint.create_inpaint"), load("api.jobs.get_result")
    results = []
    for body in _build_bodies():
        job = _wait(client, create.sync(client=client, body=body))
        assert (job.status, job.tags, job.error) == ("succeeded", ["generated"], None)
        data = get_result.sync(job.id, client=client).payload.read()
        assert hashlib.sha256(data).hexdigest() == job.outputs[0].sha256
        assert job.outputs[0].proof.kept_pixels_changed == 0
        results.append(data)
    # The same request in both forms is the same picture.
    assert results[0] == results[1]
    problem = create.sync(client=client, body=_build_bodies()[0], idempotency_key="x" * 256)
    assert (problem.code, problem.errors[0].pointer) == ("invalid_field", "Idempotency-Key")
    assert load("api.jobs.delete_job").sync_detailed(job.id, client=client).status_code == 204
