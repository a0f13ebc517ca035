"""Compares a job's document, or a signed manifest, with what was found in the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from service.contract.errors import InvalidField
from service.contract.geometry import Geometry
from service.contract.jobs import Proof
from service.contract.params import Operation
from service.pictures.c2pa import Manifest
from service.verify.comparison import Comparison, Placement


class _Stated(BaseModel):
    # A later release may add fields that this one cannot check.
    model_config = ConfigDict(frozen=True, extra="ignore")


class StatedOutput(_Stated):
    """One output, as the document describes it."""

    index: int
    format: str = "png"
    width: int
    height: int
    bytes: int
    sha256: str
    proof: Proof


class StatedEffective(_Stated):
    """The effective mask, as the document describes it."""

    coverage: float
    box: list[int]


class StatedMask(_Stated):
    """The mask, as the document describes it."""

    effective: StatedEffective | None = None


class JobDocument(_Stated):
    """The fields of a job's document that can be checked."""

    operation: Operation
    params: Mapping[str, Any]
    mask: StatedMask | None = None
    geometry: Geometry | None = None
    outputs: tuple[StatedOutput, ...]

    @property
    def is_lossy(self) -> bool:
        """True if its outputs are in a format that cannot keep pixels."""
        keeps = {"png", "webp"} if self.params.get("output_lossless") else {"png"}
        return not keeps & {output.format for output in self.outputs}

    def placement(self) -> Placement:
        """Return where the job placed the original.

        Raises:
            InvalidField: it has no geometry.
        """
        if self.geometry is None:
            raise InvalidField("the job document has no geometry, so it is not of an outpainting")
        box = self.geometry.original
        return Placement(box.left, box.top, int(self.params.get("overlap") or 0))


NOWHERE = (0, 0, 0, 0)
"""The box of nothing, as jobs have it in which nothing was found."""


class _Check(NamedTuple):
    """One value of the document, and what was found."""

    name: str
    stated: object
    found: object


def read_job_document(data: bytes) -> JobDocument:
    """Read a job's document.

    Raises:
        InvalidField: it is not one, or its job has no outputs.
    """
    try:
        document = JobDocument.model_validate_json(data)
    except ValidationError:
        detail = "the job document cannot be read; save the answer of GET /jobs/{id}"
        raise InvalidField(detail) from None
    if not document.outputs:
        raise InvalidField("the job has no outputs, so there is nothing to compare")
    if document.operation == "mask":
        raise InvalidField("the job made a mask and painted nothing: verify the job that used it")
    return document


def find_contradictions(
    document: JobDocument, found: Comparison, files: Mapping[str, bytes | None]
) -> list[str]:
    """Return every contradiction between a job's document and what was found.

    Args:
        document: of the job.
        found: the comparison.
        files: the `image`, the `mask` (`None` in outpainting) and the `output` that were compared.
    """
    digests = {name: None if data is None else _digest(data) for name, data in files.items()}
    named = [output for output in document.outputs if output.sha256 == digests["output"]]
    # Which output another file stands for is unknown; values that all outputs share are checked.
    output = (named or document.outputs)[0]
    checks = [*_check_shared(document, output, found, digests)]
    if named:
        checks += _check_file(output, found, files["output"] or b"")
    faults = [] if named else ["the result is not one of the output files of the job"]
    return faults + _describe_contradictions(checks, "the job document")


def find_broken_signature(
    manifest: Manifest, found: Comparison, files: Mapping[str, bytes | None]
) -> list[str]:
    """Return what is wrong with a result's manifest, or contradicts what was found.

    Args:
        manifest: of the result.
        found: the comparison.
        files: the `image` that was compared.
    """
    if manifest.state == "invalid":
        return [f"the C2PA manifest is not valid: {', '.join(manifest.failures)}"]
    if manifest.proof is None:
        return []
    checks = [
        # Not the mask's digest: the mask given here may be one of the caller's own.
        _Check("image_sha256", manifest.proof.image_sha256, _digest(files["image"] or b"")),
        *_check_kept(manifest.proof, found),
        *_check_changed(manifest.proof, found),
    ]
    return _describe_contradictions(checks, "the signed manifest")


def _describe_contradictions(checks: Iterable[_Check], source: str) -> list[str]:
    return [
        f"{check.name} is {check.found}, but {source} says {check.stated}"
        for check in checks
        if check.stated != check.found
    ]


def _check_shared(
    document: JobDocument,
    output: StatedOutput,
    found: Comparison,
    digests: Mapping[str, str | None],
) -> Iterator[_Check]:
    """Yield the values that all outputs share."""
    proof = output.proof
    yield _Check("image_sha256", proof.image_sha256, digests["image"])
    yield _Check("mask_sha256", proof.mask_sha256, digests["mask"])
    yield from _check_kept(proof, found)
    yield _Check("width", output.width, found.width)
    yield _Check("height", output.height, found.height)
    if document.geometry is not None:
        yield _Check("geometry.width", document.geometry.width, found.width)
        yield _Check("geometry.height", document.geometry.height, found.height)
    if digests["mask"] is not None and document.mask is not None and document.mask.effective:
        pixels, effective = found.width * found.height, document.mask.effective
        coverage = (pixels - found.kept_pixels) / pixels
        yield _Check("mask.effective.coverage", effective.coverage, coverage)
        yield _Check("mask.effective.box", effective.box, list(found.touched_box or NOWHERE))


def _check_file(output: StatedOutput, found: Comparison, data: bytes) -> Iterator[_Check]:
    """Yield the values of one output."""
    proof = output.proof
    yield _Check("bytes", output.bytes, len(data))
    yield _Check("output_sha256", proof.output_sha256, _digest(data))
    yield from _check_changed(proof, found)


def _check_kept(proof: Proof, found: Comparison) -> Iterator[_Check]:
    """Yield the counts of pixels that had to be kept."""
    yield _Check("kept_pixels", proof.kept_pixels, found.kept_pixels)
    yield _Check("band_pixels", proof.band_pixels, found.band_pixels)
    yield _Check("touched_box", proof.touched_box, list(found.touched_box or NOWHERE))


def _check_changed(proof: Proof, found: Comparison) -> Iterator[_Check]:
    """Yield the measures of kept pixels that changed."""
    yield _Check("kept_pixels_changed", proof.kept_pixels_changed, found.kept_pixels_changed)
    yield _Check("max_difference", proof.max_difference, found.max_difference)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
