"""Make outputs of painted pictures: composite, encode, prove and store them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.contract.errors import ModelOutputInvalid
from service.contract.formats import (
    DEFAULT_QUALITY,
    EXTENSIONS,
    INPUT_MEDIA_TYPES,
    MEDIA_TYPES,
    is_lossless,
)
from service.contract.intents import SetBy
from service.contract.jobs import JobWarning, Output, Proof, Recipe, ResizedOutput
from service.contract.names import output_path, resized_path
from service.contract.resizing import find_resized
from service.store.blobs import BlobStore
from worker.engines.base import Painted
from worker.imaging.compositing import paste_back
from worker.imaging.encoding import encode_picture
from worker.imaging.picture import Picture
from worker.imaging.proving import prove
from worker.imaging.resizing import resize_picture
from worker.operations.confidence import find_doubt
from worker.operations.manifest import (
    File,
    describe_actions,
    describe_resized,
    make_manifest,
)
from worker.operations.marking import MARKED, Marking
from worker.operations.preparation import Prepared, read_input


@dataclass(frozen=True, eq=False)
class Composed:
    """One picture as it will be delivered.

    Attributes:
        picture: what was painted, in its place.
        estimate: how well it went, 0 .. 1.
    """

    picture: Picture
    estimate: float | None


def compose(prepared: Prepared, painted: Painted, index: int = 0) -> Composed:
    """Composite one painted picture.

    Args:
        prepared: the job.
        painted: the picture.
        index: which of the job's pictures this is.

    Raises:
        ModelOutputInvalid: it is no picture of the right size.
    """
    check_painted(prepared, painted.image)
    seed = prepared.seeds[index]
    picture = paste_back(prepared.picture, prepared.mask, painted.image, prepared.weight, seed)
    return Composed(picture, painted.estimate)


def finish_output(
    prepared: Prepared,
    composed: Composed,
    index: int,
    blobs: BlobStore,
    texts: Mapping[str, str] | None = None,
    marking: Marking = MARKED,
) -> Output:
    """Mark, encode, prove and store one picture.

    Args:
        prepared: the job.
        composed: the picture.
        index: which of the job's pictures this is.
        blobs: where it goes.
        texts: texts of its file, by keyword, if its format has any.
        marking: how its file is marked.

    Raises:
        InvalidField: the format cannot hold it.
        SigningFailed: it cannot be signed, though it is to be.
        KeptPixelsChanged: the encoded picture breaks the promise; nothing is stored.
        StoreUnavailable: the store does not take it.
    """
    marked = marking.mark(composed.picture, prepared.job.spec)
    encoded = _encode(prepared, marked, texts)
    proof = _prove(prepared, encoded)
    if marking.signer is not None:
        manifest = _describe_output(prepared, proof, marking)
        result = File(encoded, MEDIA_TYPES[prepared.output_format])
        encoded = marking.signer.sign(result, _read_source(prepared, blobs), manifest)
        # Once more, for the promise is about the file that is delivered.
        proof = _prove(prepared, encoded)
    output_format = prepared.output_format
    path = output_path(prepared.job.job_id, prepared.job.token, index, EXTENSIONS[output_format])
    stored = blobs.put(path, encoded)
    estimate = composed.estimate
    return Output(
        index=index,
        path=path,
        format=output_format,
        width=prepared.picture.width,
        height=prepared.picture.height,
        bytes=stored.bytes,
        sha256=stored.sha256,
        seed=prepared.seeds[index],
        estimate=None if estimate is None else round(estimate, 3),
        proof=proof.model_copy(update=_particulars(prepared, stored.sha256)),
        resized=_store_resized(prepared, marked, index, blobs, texts, marking),
    )


def _store_resized(
    prepared: Prepared,
    picture: Picture,
    index: int,
    blobs: BlobStore,
    texts: Mapping[str, str] | None,
    marking: Marking,
) -> ResizedOutput | None:
    """Store the copy of an output in the size that was asked for, if any was.

    Marked and signed like the output; the proof is not in its manifest, because it is of the other
    file.

    Raises:
        InvalidField, SigningFailed, StoreUnavailable: as `finish_output`.
    """
    job, output_format = prepared.job, prepared.output_format
    size = find_resized(job.spec.paint_params, (picture.width, picture.height))
    if size is None:
        return None
    encoded = _encode(prepared, resize_picture(picture, size), texts)
    if marking.signer is not None:
        actions = describe_resized(prepared, marking.source_type(job.spec))
        result = File(encoded, MEDIA_TYPES[output_format])
        manifest = make_manifest("resized result", actions)
        encoded = marking.signer.sign(result, _read_source(prepared, blobs), manifest)
    path = resized_path(job.job_id, job.token, index, EXTENSIONS[output_format])
    stored = blobs.put(path, encoded)
    width, height = size
    return ResizedOutput(
        path=path,
        format=output_format,
        width=width,
        height=height,
        bytes=stored.bytes,
        sha256=stored.sha256,
    )


def _encode(prepared: Prepared, picture: Picture, texts: Mapping[str, str] | None) -> bytes:
    params, output_format = prepared.job.spec.paint_params, prepared.output_format
    quality, lossless = params.output_quality or DEFAULT_QUALITY, params.output_lossless or False
    return encode_picture(picture, output_format, quality, lossless, texts)


def _prove(prepared: Prepared, encoded: bytes) -> Proof:
    output_format = prepared.output_format
    promised = is_lossless(output_format, prepared.job.spec.paint_params.output_lossless or False)
    return prove(prepared.picture, prepared.mask, encoded, output_format, lossless=promised)


def _describe_output(prepared: Prepared, proof: Proof, marking: Marking) -> Mapping[str, Any]:
    """Return the manifest of an output: the actions, and the proof."""
    source_type = marking.source_type(prepared.job.spec)
    claimed = proof.model_copy(update=_particulars(prepared, None))
    return make_manifest("result", describe_actions(prepared, source_type, claimed))


def _read_source(prepared: Prepared, blobs: BlobStore) -> File:
    """Read the input's file again: it was not kept after decoding."""
    reference = prepared.job.spec.image
    return File(read_input(blobs, reference), INPUT_MEDIA_TYPES[reference.format])


def _particulars(prepared: Prepared, output_sha256: str | None) -> dict[str, int | str | None]:
    """Return the fields of a proof that identify its files."""
    return {
        "band_pixels": prepared.band_pixels,
        "image_sha256": prepared.job.spec.image.sha256,
        "mask_sha256": prepared.mask_sha256,
        "output_sha256": output_sha256,
    }


def add_finders(recipe: Recipe, facts: Sequence[Mapping[str, Any]]) -> Recipe:
    """Return a recipe with what it says of the finders of the mask, if there were any."""
    if not facts:
        return recipe
    return recipe.model_copy(update={"details": recipe.details | {"finders": [*facts]}})


def make_recipe(
    shared: Recipe, painted: Painted, call_size: int, set_by: Mapping[str, SetBy] | None = None
) -> Recipe:
    """Return the recipe of one picture: the engine's, the picture's own details, how it is blended.

    `blend` is what the engine says, such as `membrane` where the drift along the rim was carried
    into the hole, and `none` where it had nothing to blend.

    Args:
        shared: of all that the engine paints.
        painted: the picture.
        call_size: canvases that were painted at once, where the engine does not say.
        set_by: who set each parameter that the job's intent could set.
    """
    details = shared.details | {"blend": "none", **painted.details}
    details |= {"set_by": dict(set_by)} if set_by else {}
    update = {"batch_size": painted.call_size or call_size, "details": details}
    return shared.model_copy(update=update)


def check_painted(prepared: Prepared, painted: object) -> None:
    """Check that an engine returned a picture of the canvas' size and channels.

    Raises:
        ModelOutputInvalid: it did not.
    """
    channels = 4 if prepared.paints_alpha else 3
    expected = (prepared.picture.height, prepared.picture.width, channels)
    if not isinstance(painted, np.ndarray) or painted.dtype != np.uint8:
        raise ModelOutputInvalid("the engine returned something that is not an 8-bit picture")
    if painted.shape != expected:
        raise ModelOutputInvalid("the engine returned a picture of another size")


def output_warnings(prepared: Prepared, painted: Sequence[Painted]) -> list[JobWarning]:
    """Return the warnings about the outputs, each once."""
    found = [warning for one in painted for warning in one.warnings]
    found += find_doubt(prepared.job.spec, painted)
    alpha = prepared.picture.alpha
    if (
        prepared.job.spec.paint_params.output_format == "jpeg"
        and alpha is not None
        and alpha.min() < 255
    ):
        detail = "JPEG has no transparency: the picture was laid on white. Ask for png to keep it."
        found.append(JobWarning(code="alpha_dropped", detail=detail))
    if prepared.picture.deep is not None and prepared.output_format != "png":
        detail = (
            f"{prepared.output_format} has 8 bits a channel: the picture's 16 were rounded, and "
            "the proof compares with the rounded ones. Ask for png to keep them."
        )
        found.append(JobWarning(code="depth_reduced", detail=detail))
    lost = prepared.picture.carry_colors(prepared.output_format).lost
    if lost is not None:
        detail = f"the result does not say {lost}; viewers take its colors for sRGB's"
        found.append(JobWarning(code="colors_not_carried", detail=detail))
    return list(dict.fromkeys(found))
