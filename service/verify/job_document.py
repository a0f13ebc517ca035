"""What a job's document claims of its results, held against what was found."""

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


class _Claimed(BaseModel):
    # A later release may say more than this one can check.
    model_config = ConfigDict(frozen=True, extra="ignore")


class ClaimedOutput(_Claimed):
    """What a job says of one output."""

    index: int
    width: int
    height: int
    bytes: int
    sha256: str
    proof: Proof


class ClaimedEffective(_Claimed):
    """What a job says of the mask that it painted."""

    coverage: float
    box: list[int]


class ClaimedMask(_Claimed):
    """What a job says of its mask."""

    effective: ClaimedEffective | None = None


class Claims(_Claimed):
    """What a job's document says, as far as it can be checked."""

    operation: Operation
    params: Mapping[str, Any]
    mask: ClaimedMask | None = None
    geometry: Geometry | None = None
    outputs: tuple[ClaimedOutput, ...]

    def placement(self) -> Placement:
        """Give where the job laid the original.

        Raises:
            InvalidField: it has no geometry.
        """
        if self.geometry is None:
            raise InvalidField("the job has no geometry")
        box = self.geometry.original
        return Placement(box.left, box.top, int(self.params.get("overlap") or 0))


class _Check(NamedTuple):
    """One thing that is claimed, and what was found."""

    name: str
    claimed: object
    found: object


def read_claims(document: bytes) -> Claims:
    """Read a job's document.

    Raises:
        InvalidField: it is none, or is that of a job without outputs.
    """
    try:
        claims = Claims.model_validate_json(document)
    except ValidationError:
        told = "the job's document cannot be read; it is what GET /jobs/{id} gives"
        raise InvalidField(told) from None
    if not claims.outputs:
        raise InvalidField("the job has no outputs: there is nothing to compare")
    return claims


def find_contradictions(
    claims: Claims, found: Comparison, files: Mapping[str, bytes | None]
) -> list[str]:
    """Find in what a job's document and what was found disagree.

    Args:
        claims: the document.
        found: the comparison.
        files: the `image`, the `mask` (`None` in outpainting) and the `output` that were compared.
    """
    digests = {name: None if data is None else _digest(data) for name, data in files.items()}
    named = [output for output in claims.outputs if output.sha256 == digests["output"]]
    # Which output a foreign file stands for is unknown; what all outputs share can still be told.
    output = (named or claims.outputs)[0]
    checks = [*_check_shared(claims, output, found, digests)]
    if named:
        checks += _check_file(output, found, files["output"] or b"")
    faults = [] if named else ["the result is not a file that the job delivered"]
    return faults + _tell(checks, "the job")


def find_broken_signature(
    manifest: Manifest, found: Comparison, files: Mapping[str, bytes | None]
) -> list[str]:
    """Find in what a result's manifest does not hold, or disagrees with what was found.

    Args:
        manifest: of the result.
        found: the comparison.
        files: the `image` that was compared.
    """
    if manifest.state == "invalid":
        return [f"the C2PA manifest does not hold: {', '.join(manifest.failures)}"]
    if manifest.proof is None:
        return []
    checks = [
        # Not the mask's digest: here, what is compared by may be a mask of the caller's own.
        _Check("image_sha256", manifest.proof.image_sha256, _digest(files["image"] or b"")),
        *_check_kept(manifest.proof, found),
        *_check_changed(manifest.proof, found),
    ]
    return _tell(checks, "the signed manifest")


def _tell(checks: Iterable[_Check], claimant: str) -> list[str]:
    return [
        f"{check.name} is {check.found}, and {claimant} says {check.claimed}"
        for check in checks
        if check.claimed != check.found
    ]


def _check_shared(
    claims: Claims, output: ClaimedOutput, found: Comparison, digests: Mapping[str, str | None]
) -> Iterator[_Check]:
    """Give what is claimed of every output alike."""
    proof = output.proof
    yield _Check("image_sha256", proof.image_sha256, digests["image"])
    yield _Check("mask_sha256", proof.mask_sha256, digests["mask"])
    yield from _check_kept(proof, found)
    yield _Check("width", output.width, found.width)
    yield _Check("height", output.height, found.height)
    if claims.geometry is not None:
        yield _Check("geometry.width", claims.geometry.width, found.width)
        yield _Check("geometry.height", claims.geometry.height, found.height)
    if digests["mask"] is not None and claims.mask is not None and claims.mask.effective:
        pixels, effective = found.width * found.height, claims.mask.effective
        coverage = (pixels - found.kept_pixels) / pixels
        yield _Check("mask.effective.coverage", effective.coverage, coverage)
        yield _Check("mask.effective.box", effective.box, list(found.touched_box or ()))


def _check_file(output: ClaimedOutput, found: Comparison, data: bytes) -> Iterator[_Check]:
    """Give what is claimed of one output."""
    proof = output.proof
    yield _Check("bytes", output.bytes, len(data))
    yield _Check("output_sha256", proof.output_sha256, _digest(data))
    yield from _check_changed(proof, found)


def _check_kept(proof: Proof, found: Comparison) -> Iterator[_Check]:
    """Give what is claimed of what had to come back."""
    yield _Check("kept_pixels", proof.kept_pixels, found.kept_pixels)
    yield _Check("band_pixels", proof.band_pixels, found.band_pixels)
    yield _Check("touched_box", proof.touched_box, list(found.touched_box or ()))


def _check_changed(proof: Proof, found: Comparison) -> Iterator[_Check]:
    """Give what is claimed of what did not come back as it was."""
    yield _Check("kept_pixels_changed", proof.kept_pixels_changed, found.kept_pixels_changed)
    yield _Check("max_difference", proof.max_difference, found.max_difference)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
