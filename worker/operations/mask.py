"""Make masks without painting: `POST /masks`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import numpy as np

from service.contract.errors import KeptPixelsChanged
from service.contract.jobs import Output, Proof, Recipe, Timings
from service.contract.names import output_path
from service.store.blobs import BlobStore
from service.telemetry import traces
from worker.imaging import MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.masks import decode_luminance
from worker.operations.failures import describe_failure, log_failure
from worker.operations.finding import GetFinder
from worker.operations.inpaint import find_warnings, make_effective_mask, post_mask
from worker.operations.preparation import read_input
from worker.reporting import Aborted, ClaimedJob, Reporter

ENGINE = "finders"


def make_masks(
    jobs: Sequence[ClaimedJob],
    blobs: BlobStore,
    report: Reporter,
    max_image_pixels: int,
    get_finder: GetFinder,
) -> None:
    """Make the mask of each job, and report it as done or failed unless it was aborted."""
    for job in jobs:
        if report.is_aborted(job.job_id):
            continue
        try:
            with traces.part("find", attributes={"paintjob.job_id": job.job_id}):
                _make_mask(job, blobs, report, max_image_pixels, get_finder)
        except Aborted:
            continue
        except Exception as error:
            log_failure(error, [job])
            report.failed(job.job_id, describe_failure(error))


def _make_mask(
    job: ClaimedJob,
    blobs: BlobStore,
    report: Reporter,
    max_image_pixels: int,
    get_finder: GetFinder,
) -> None:
    params = job.spec.params
    data = read_input(blobs, job.spec.image)
    picture = decode_picture(data, max_image_pixels, takes_cmyk=params.convert is not None)
    made = make_effective_mask(job, blobs, report, picture, max_image_pixels, get_finder)
    started = time.perf_counter()
    path = output_path(job.job_id, job.token, 0, "png")
    stored = post_mask(job, made, path, blobs, report)
    output = Output(
        index=0,
        seed=0,
        proof=_prove(job, made.mask, made.measured.box, blobs.get_checked(path, stored.sha256)),
        path=stored.path,
        format="png",
        width=picture.width,
        height=picture.height,
        bytes=stored.bytes,
        sha256=stored.sha256,
    )
    found = made.found
    timings = Timings(
        find_seconds=round(found.seconds, 4) if found else None,
        encode_seconds=round(time.perf_counter() - started, 4),
    )
    recipe = Recipe(engine=ENGINE, details={"finders": [*found.facts]} if found else {})
    warnings = find_warnings(job.spec, made, picture)
    report.done(job.job_id, [output], recipe, timings, warnings)


def _prove(job: ClaimedJob, mask: MaskArray, box: list[int], data: bytes) -> Proof:
    """Check that a mask's file decodes to the mask, and return the proof.

    Raises:
        KeptPixelsChanged: it does not.
    """
    decoded = np.asarray(decode_luminance(data, mask.size))
    if not np.array_equal(decoded, mask):
        raise KeptPixelsChanged("the file of the mask would not have been the mask")
    digest = hashlib.sha256(data).hexdigest()
    return Proof(
        kept_pixels=mask.size,
        kept_pixels_changed=0,
        max_difference=0,
        touched_box=box,
        image_sha256=job.spec.image.sha256,
        mask_sha256=digest,
        output_sha256=digest,
    )
