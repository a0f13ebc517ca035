"""How much memory one job takes: run as a program, on a folder that holds its picture and mask."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from service.contract.catalogue import Catalogue
from service.contract.params import InpaintParams
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_box_mask, make_image
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job
from worker.config import WorkerSettings
from worker.engines.registry import build_engines
from worker.operations.paint import paint
from worker.reporting import ClaimedJob

LIMIT = 17_000_000


def main(folder: Path) -> None:
    """Paint a small job to warm up, then the folder's, and print what the second one took."""
    blobs = BlobStore.open(f"file://{folder}")
    engines = build_engines(WorkerSettings(), Catalogue())
    report = RecordingReporter()
    small = encode(make_image("RGB", 96, 96)), encode(make_box_mask(96, 96, (40, 40, 50, 50)))
    paint([_claim(blobs, *small)], blobs, engines, report, max_image_pixels=LIMIT)
    claimed = _claim(blobs, *((folder / name).read_bytes() for name in ("image.png", "mask.png")))
    # Forgets the peak so far: loading and compiling take more than the job that is measured.
    Path("/proc/self/clear_refs").write_text("5")
    before = _read_status("VmRSS")
    paint([claimed], blobs, engines, report, max_image_pixels=LIMIT)
    [output] = report.done_jobs[claimed.job_id].outputs
    extra = {"extra_mebibytes": round(_read_status("VmHWM") - before)}
    sys.stdout.write(json.dumps(extra | output.proof.model_dump(mode="json")) + "\n")


def _claim(blobs: BlobStore, image: bytes, mask: bytes) -> ClaimedJob:
    return inpaint_job(blobs, image, mask, InpaintParams(seed=0))


def _read_status(name: str) -> float:
    """Return a figure of the kernel's in MiB: `VmRSS` now, `VmHWM` at its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
