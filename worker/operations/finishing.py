"""What was painted made into outputs: composited, encoded, stored and proven."""

from __future__ import annotations

import hashlib

import numpy as np

from service.contract.blobs import BlobStore
from service.contract.errors import ModelOutputInvalid
from service.contract.jobs import JobWarning, Output
from service.contract.names import output_path
from worker.imaging import ImageArray
from worker.imaging.compositing import paste_back
from worker.imaging.encoding import EXTENSIONS, encode_picture
from worker.imaging.proving import prove
from worker.operations.preparation import Prepared

DEFAULT_QUALITY = 95


def finish_output(prepared: Prepared, painted: ImageArray, index: int, blobs: BlobStore) -> Output:
    """Composite, encode, prove and store one picture.

    Args:
        prepared: the row.
        painted: RGB uint8 (H, W, 3) as the engine gave it.
        index: which of the row's pictures this is.
        blobs: where it goes.

    Raises:
        ModelOutputInvalid: it is no picture of the right size.
        KeptPixelsChanged: the encoded picture breaks the promise; nothing is stored.
        StoreUnavailable: the store does not take it.
    """
    check_painted(prepared, painted)
    params = prepared.row.spec.params
    output_format = params.output_format or "png"
    picture = paste_back(prepared.picture, prepared.mask, painted)
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


def output_warnings(prepared: Prepared) -> list[JobWarning]:
    """Give what the caller should know about the outputs."""
    alpha = prepared.picture.alpha
    if prepared.row.spec.params.output_format != "jpeg" or alpha is None or alpha.min() == 255:
        return []
    detail = "JPEG has no transparency: the picture was laid on white. Ask for png to keep it."
    return [JobWarning(code="alpha_dropped", detail=detail)]
