"""What was painted made into outputs: composited, encoded, stored and proven."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from service.contract.blobs import BlobStore
from service.contract.errors import ModelOutputInvalid
from service.contract.jobs import JobWarning, Output
from service.contract.names import output_path
from worker.engines.base import Painted
from worker.imaging.compositing import paste_back
from worker.imaging.encoding import EXTENSIONS, encode_picture
from worker.imaging.proving import prove
from worker.operations.preparation import Prepared

DEFAULT_QUALITY = 95

LOW_CONFIDENCE = 0.35
"""Estimate below which a result is told to be doubtful."""


def finish_output(prepared: Prepared, painted: Painted, index: int, blobs: BlobStore) -> Output:
    """Composite, encode, prove and store one picture.

    Args:
        prepared: the row.
        painted: what the engine gave.
        index: which of the row's pictures this is.
        blobs: where it goes.

    Raises:
        ModelOutputInvalid: it is no picture of the right size.
        KeptPixelsChanged: the encoded picture breaks the promise; nothing is stored.
        StoreUnavailable: the store does not take it.
    """
    check_painted(prepared, painted.image)
    params = prepared.row.spec.params
    output_format = params.output_format or "png"
    picture = paste_back(prepared.picture, prepared.mask, painted.image)
    encoded = encode_picture(picture, output_format, params.output_quality or DEFAULT_QUALITY)
    proof = prove(prepared.picture, prepared.mask, encoded, output_format)
    path = output_path(prepared.row.job_id, prepared.row.token, index, EXTENSIONS[output_format])
    blobs.put(path, encoded)
    return Output(
        index=index,
        path=path,
        format=output_format,
        width=picture.width,
        height=picture.height,
        bytes=len(encoded),
        sha256=hashlib.sha256(encoded).hexdigest(),
        seed=prepared.seeds[index],
        estimate=None if painted.estimate is None else round(painted.estimate, 3),
        proof=proof,
    )


def check_painted(prepared: Prepared, painted: object) -> None:
    """Check that an engine gave a picture of the canvas' size.

    Raises:
        ModelOutputInvalid: it did not.
    """
    expected = (prepared.picture.height, prepared.picture.width, 3)
    if not isinstance(painted, np.ndarray) or painted.dtype != np.uint8:
        raise ModelOutputInvalid("the engine gave something that is no picture of 8 bits")
    if painted.shape != expected:
        raise ModelOutputInvalid("the engine gave a picture of another size")


def output_warnings(prepared: Prepared, painted: Sequence[Painted]) -> list[JobWarning]:
    """Give what the caller should know about the outputs, each thing once."""
    found = [warning for one in painted for warning in one.warnings]
    estimates = [one.estimate for one in painted if one.estimate is not None]
    if estimates and min(estimates) < LOW_CONFIDENCE:
        found.append(_low_confidence(prepared, min(estimates)))
    alpha = prepared.picture.alpha
    if prepared.row.spec.params.output_format == "jpeg" and alpha is not None and alpha.min() < 255:
        detail = "JPEG has no transparency: the picture was laid on white. Ask for png to keep it."
        found.append(JobWarning(code="alpha_dropped", detail=detail))
    return list(dict.fromkeys(found))


def _low_confidence(prepared: Prepared, estimate: float) -> JobWarning:
    """Say that the result may be poor, and what would help."""
    if prepared.row.spec.operation == "inpaint":
        help_ = "a smaller mask, a source_mask of where to copy from, or method generate"
    else:
        help_ = "smaller margins, or method generate"
    detail = f"the method's own estimate of the result is {estimate:.2f}; what may help: {help_}"
    return JobWarning(code="low_confidence", detail=detail)
