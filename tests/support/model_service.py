"""A whole service with models of its own: API, broker, and one worker that serves all of them."""

from __future__ import annotations

import io
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from PIL import Image

from service.contract.names import gpu_queue
from tests.support.patience import wait_for
from tests.support.pictures import encode
from tests.support.server import running_server
from tests.support.stack import Stack, running_stack
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8


@dataclass(frozen=True)
class ModelService:
    """A running service.

    Attributes:
        stack: broker, blobs and the worker.
        client: of the API.
        worker: the only one; its horse holds the models.
    """

    stack: Stack
    client: httpx2.Client
    worker: subprocess.Popen[bytes]

    def inpaint(self, image: ImageArray, mask: MaskArray, **fields: object) -> str:
        """Ask for `generate` in a mask; gives the job's id."""
        return self._post("/inpaint", {"image": encode(image), "mask": encode(mask)}, fields)

    def outpaint(self, image: ImageArray, **fields: object) -> str:
        """Ask for `generate` past the borders; gives the job's id."""
        return self._post("/outpaint", {"image": encode(image)}, fields)

    def wait(self, job_id: str) -> dict[str, Any]:
        """Wait until a job has succeeded; gives its document."""
        record = self.stack.wait_ended(job_id)
        assert record.status == "succeeded", (record.error, self.stack.logs())
        job: dict[str, Any] = self.client.get(f"/jobs/{job_id}").json()
        return job

    def fetch(self, job_id: str) -> ImageArray:
        """Return the first picture of a job that has succeeded."""
        response = self.client.get(f"/jobs/{job_id}/result").raise_for_status()
        return to_uint8(np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB")))

    def loaded_models(self) -> list[str]:
        """Return the names of the models that the worker says are loaded."""
        [worker] = self.stack.store.presence.load_workers()
        return worker.models

    def wait_idle(self) -> None:
        """Wait until the worker has put its last batch aside and said so."""
        wait_for(lambda: self._state() == "idle", self.stack.logs)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Have the worker claim nothing until the block ends: then it finds all at once."""
        self.wait_idle()
        self.worker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.worker.send_signal(signal.SIGCONT)

    def _state(self) -> str:
        [worker] = self.stack.store.presence.load_workers()
        return worker.state

    def _post(self, path: str, files: Mapping[str, bytes], fields: Mapping[str, object]) -> str:
        data = {"method": "generate", **{name: str(value) for name, value in fields.items()}}
        response = self.client.post(path, files=dict(files), data=data)
        assert response.status_code == 202, response.text
        job_id: str = response.json()["id"]
        return job_id


@contextmanager
def running_service(
    broker_url: str,
    directory: Path,
    models: Sequence[Mapping[str, object]],
    *,
    group: str = "default",
    has_default: bool = True,
    **worker: str,
) -> Iterator[ModelService]:
    """Run a service that has these models and nothing else.

    Args:
        broker_url: a real, empty broker.
        directory: for everything it writes.
        models: entries of the models file, all of one group.
        group: that group.
        has_default: whether the first is the default.
        worker: further settings of the worker.
    """
    file = directory / "models.toml"
    write_models(file, models, has_default=has_default)
    environ = {
        "PAINTJOB_ENGINES": "worker.engines.registry:build_engines",
        "PAINTJOB_QUEUE": gpu_queue(group),
        "PAINTJOB_MODELS_FILE": str(file),
        "PAINTJOB_TORCH_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    api = {"PAINTJOB_DATA_DIR": str(directory), "PAINTJOB_MODELS_FILE": str(file)}
    with (
        running_stack(broker_url, directory, environ=environ) as stack,
        running_server(broker_url, directory, **api) as server,
        httpx2.Client(base_url=server.url, timeout=30) as client,
    ):
        yield ModelService(stack, client, stack.start_worker(**worker))


def write_models(
    file: Path, models: Sequence[Mapping[str, object]], *, has_default: bool = False
) -> None:
    """Write a models file with these entries; the first may be the default."""
    tables = [_table(entry, has_default and place == 0) for place, entry in enumerate(models)]
    file.write_text("".join(tables))


def _table(entry: Mapping[str, object], is_default: bool) -> str:
    lines = [f"{name} = {_value(value)}" for name, value in entry.items()]
    return "\n".join(["[[models]]", *lines, *(["default = true"] if is_default else []), ""])


def _value(value: object) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
