"""A worker side to test: real broker, real blob directory, real worker and courier processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.contract.jobs import BlobRef, JobRecord, JobSpec, JobStatus, MaskAsked
from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, input_path, new_job_id
from service.contract.params import InpaintParams
from service.store import JobStore, connect
from service.store.blobs import BlobStore
from service.store.wakeups import Wakeups
from tests.support.patience import wait_for
from tests.support.pictures import mask, picture
from tests.support.records import LIMITS

ROOT = Path(__file__).parents[2]


@dataclass
class Stack:
    """Everything of one deployment but the API.

    Attributes:
        lease_seconds: how long a claim lives unrenewed; short only where a test waits for its end.
        environ: further settings of every process that is started.
        blob_url: where the blobs lie; empty for a folder of the directory.
    """

    broker_url: str
    directory: Path
    lease_seconds: float = 10.0
    environ: dict[str, str] = field(default_factory=dict)
    blob_url: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def store(self) -> JobStore:
        return connect(self.broker_url, lease_seconds=self.lease_seconds)

    @property
    def blobs(self) -> BlobStore:
        return BlobStore.open(self.blob_url or (self.directory / "blobs").as_uri())

    def start(self, module: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start `python -m module` with the stack's settings and these."""
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PAINTJOB_")},
            "PAINTJOB_REDIS_URL": self.broker_url,
            "PAINTJOB_DATA_DIR": str(self.directory),
            "PAINTJOB_LEASE_SECONDS": str(self.lease_seconds),
            "PAINTJOB_ENGINES": "tests.support.engines:build_engines",
            "PYTHONPATH": str(ROOT),
            "PYTHONFAULTHANDLER": "1",
            **self.environ,
            **{f"PAINTJOB_{name.upper()}": value for name, value in settings.items()},
        }
        self.directory.mkdir(parents=True, exist_ok=True)
        log = (self.directory / f"{module}-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=environ, stdout=log, stderr=log, cwd=self.directory
        )
        log.close()
        self.processes.append(process)
        return process

    def start_worker(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it says that it is idle."""
        process = self.start("worker", **settings)
        self.wait_ready(process)
        return process

    def wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        suffix = f"-{process.pid}"

        def is_idle() -> bool:
            assert process.poll() is None, self.logs()
            found = self.store.presence.load_workers()
            return any(w.name.endswith(suffix) and w.state in ("idle", "busy") for w in found)

        wait_for(is_idle, self.logs)

    def submit(self, tag: str = "zoo:echo", *, notify: bool = True, **overrides: object) -> str:
        """Upload a small picture with a mask, submit and notify; return the job's id."""
        spec = self.make_spec(tag, **overrides)
        store = self.store
        store.jobs.submit(
            spec,
            start_within_seconds=spec.params.start_within_seconds,
            finish_within_seconds=spec.params.finish_within_seconds or 600,
            ttl_seconds=600,
            limits=LIMITS,
        )
        if notify:
            Wakeups(store.redis, DEFAULT_NAMESPACE).notify(spec.queue)
        return spec.job_id

    def make_spec(self, tag: str, **overrides: object) -> JobSpec:
        """Upload the pictures of a job and give its spec, not yet submitted."""
        job_id = new_job_id()
        self.store.jobs.begin_upload(job_id)
        params = {"method": "patch", "seed": 7, "num_images": 1, "output_format": "png", "grow": 0}
        params |= {"mask_polarity": "white_repaints", "mask_threshold": 128, "tags": [tag]}
        spec = {
            "job_id": job_id,
            "tenant": "default",
            "operation": "inpaint",
            "method": "patch",
            "queue": CPU_QUEUE,
            "params": InpaintParams.model_validate(params | dict(overrides.pop("params", {}))),  # type: ignore[call-overload]
            "image": self._upload(job_id, "image", picture(64, 64), "RGB"),
            "mask": self._upload(job_id, "mask", mask(64, 64, (16, 16, 48, 48)), "L"),
            "mask_asked": MaskAsked(coverage=0.25, box=[16, 16, 48, 48]),
        }
        return JobSpec.model_validate(spec | overrides)

    def _upload(self, job_id: str, name: str, data: bytes, mode: str) -> BlobRef:
        blob = self.blobs.put(input_path(job_id, name), data)
        return BlobRef(
            path=blob.path,
            bytes=blob.bytes,
            sha256=blob.sha256,
            format="png",
            width=64,
            height=64,
            mode=mode,
        )

    def record(self, job_id: str, tenant: str = "default") -> JobRecord:
        return self.store.jobs.load(job_id, tenant).record

    def wait_status(self, job_id: str, *wanted: JobStatus) -> JobRecord:
        """Wait until the job has one of these statuses."""
        wait_for(lambda: self.record(job_id).status in wanted, self.logs)
        return self.record(job_id)

    def wait_ended(self, job_id: str, *, tenant: str = "default") -> JobRecord:
        """Wait until the job has ended."""
        wait_for(lambda: self.record(job_id, tenant).status.is_terminal, self.logs)
        return self.record(job_id, tenant)

    def wait_painting(self, job_id: str, *, tenant: str = "default") -> JobRecord:
        """Wait until a worker paints the job."""
        wait_for(lambda: self.record(job_id, tenant).painting_at is not None, self.logs)
        return self.record(job_id, tenant)

    def events(self, job_id: str) -> list[dict[str, str]]:
        """Everything that was told of the job, oldest first."""
        redis: Any = self.store.redis
        told = redis.xrange(f"{DEFAULT_NAMESPACE}:events:{job_id}")
        return [{k.decode(): v.decode() for k, v in fields.items()} for _, fields in told]

    def release(self, name: str = "released") -> None:
        """End what `zoo:until:{name}` waits for, now and from now on."""
        (self.directory / name).touch()

    def logs(self, most: int = 3000) -> str:
        """The last of what each process wrote, for the message of a failed test."""
        return "\n".join(
            f"== {path.name}\n{path.read_text()[-most:]}" for path in self.directory.glob("*.log")
        )

    def stop(self) -> None:
        """End every process that is still there, by its own pid; a horse dies with its parent."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@contextlib.contextmanager
def running_stack(broker_url: str, directory: Path, **settings: object) -> Iterator[Stack]:
    """Yield a stack without processes; afterwards end those that the test started."""
    stack = Stack(broker_url, directory, **settings)  # type: ignore[arg-type]
    try:
        yield stack
    finally:
        stack.stop()


def find_horse(worker_pid: int) -> int:
    """Return the process id of a worker's horse: its spawned child."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == worker_pid and b"spawn_main" in (path / "cmdline").read_bytes():
                return int(path.name)
    raise LookupError(f"worker {worker_pid} has no horse")
