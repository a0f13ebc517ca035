"""The mask of a job after its model has enlarged it, which `grow_by_model` allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from service.contract.errors import MaskFull
from service.contract.jobs import JobWarning
from service.contract.names import mask_path
from service.contract.params import InpaintParams
from service.store.blobs import BlobStore
from worker.engines.base import Painted
from worker.imaging.feathering import weigh_inward
from worker.imaging.picture import Picture
from worker.imaging.png_writing import encode_png
from worker.operations.inpaint import measure_mask
from worker.operations.preparation import Prepared
from worker.reporting import Reporter


def enlarge_mask(
    prepared: Prepared, painted: Sequence[Painted], blobs: BlobStore, report: Reporter
) -> Prepared:
    """Return the job with the mask that was painted, posted in place of the one before.

    The pictures of a job share a mask: it covers what was painted in any of them.

    Raises:
        MaskFull: the model found effects everywhere, and nothing is left to be kept.
        StoreUnavailable: the store does not take the mask.
    """
    masks = [one.mask for one in painted if one.mask is not None]
    if not masks:
        return prepared
    mask = np.maximum.reduce([prepared.mask, *masks])
    if mask.all():
        raise MaskFull("the model enlarged the mask to the whole picture; leave out grow_by_model")
    job, params = prepared.job, prepared.job.spec.params
    path = mask_path(job.job_id, job.token)
    posted = blobs.put(path, encode_png(Picture(mask)))
    measured = measure_mask(mask).model_copy(update={"found": list(prepared.found)})
    report.mask_ready(job.job_id, measured, path)
    added = int(np.count_nonzero(mask) - np.count_nonzero(prepared.mask))
    detail = (
        f"the model found effects past the mask and enlarged it by {added} pixels, as "
        "grow_by_model allows; links.mask shows it, and the proof is about it"
    )
    feather = params.feather if isinstance(params, InpaintParams) else None
    return replace(
        prepared,
        mask=mask,
        mask_sha256=posted.sha256,
        weight=weigh_inward(mask, feather) if feather else None,
        warnings=(*prepared.warnings, JobWarning(code="mask_enlarged", detail=detail)),
    )
