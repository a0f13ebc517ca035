"""Whether kept pixels came back, told from two files by Pillow alone.

It shares no line with what paints and composites: what a worker proves of its own work, this checks
from outside, as anybody could by `docs/proof.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImageOps
from pydantic import BaseModel, ConfigDict, ValidationError

from service.contract.errors import ImageUndecodable, InvalidField, MaskSizeMismatch
from service.contract.geometry import Geometry
from service.contract.images import check_kind, open_picture
from service.contract.jobs import Proof
from service.contract.luminance import read_mask
from service.contract.masks import DEFAULT_THRESHOLD, binarize
from service.contract.params import MaskPolarity, Operation
from service.contract.picture_headers import decoding, read_header

_ANY_SIZE = 2**31
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Comparison:
    """What a comparison of kept pixels comes to.

    Attributes:
        kept_pixels: pixels that had to come back.
        kept_pixels_changed: how many of them differ in any channel, color or alpha.
        max_difference: largest difference among them, 0..255.
        changed_box: left, top, right, bottom around those that differ, in the result's pixels;
            `None` if none does.
        band_pixels: pixels of the original that blending was allowed to touch.
    """

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int
    changed_box: tuple[int, int, int, int] | None
    band_pixels: int = 0


@dataclass(frozen=True)
class Placement:
    """Where the original lies on an outpainted result.

    Attributes:
        left: pixels before its left edge.
        top: pixels above its top edge.
        overlap: width in pixels of the band inside each extended side that blending may touch.
    """

    left: int = 0
    top: int = 0
    overlap: int = 0


class ClaimedOutput(BaseModel):
    """What a job says of one output."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    index: int
    sha256: str
    proof: Proof


class Claims(BaseModel):
    """What a job's document says, as far as it can be checked."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    operation: Operation
    params: Mapping[str, Any]
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


def compare_inpainted(
    original: bytes,
    result: bytes,
    mask: bytes,
    polarity: MaskPolarity = "white_repaints",
    threshold: int = DEFAULT_THRESHOLD,
) -> Comparison:
    """Compare everything outside a mask.

    Args:
        original: the picture's file.
        result: the output's file.
        mask: the mask's file; if the job grew it, the effective one.
        polarity: which end was repainted.
        threshold: luminance from which a pixel counts as white, 1..255.

    Raises:
        InvalidInput, UnsupportedMediaType: the files cannot be read, or differ in size.
    """
    before = _read_original(original)
    _, luminance = read_mask(BytesIO(mask), _ANY_SIZE)
    if luminance.size != before.size:
        raise MaskSizeMismatch(_sizes("the mask", luminance, "the original", before))
    after = _read_result(result)
    if after.size != before.size:
        raise InvalidField(_sizes("the result", after, "the original", before))
    kept = ImageChops.invert(binarize(luminance, polarity, threshold))
    return _compare(before, after, kept, (0, 0))


def compare_outpainted(original: bytes, result: bytes, placement: Placement) -> Comparison:
    """Compare the original with where it lies on the result, less the band of overlap.

    Raises:
        InvalidInput, UnsupportedMediaType: the files cannot be read, or the original does not lie
            inside the result.
    """
    before, after = _read_original(original), _read_result(result)
    left, top = placement.left, placement.top
    right, bottom = after.width - left - before.width, after.height - top - before.height
    if min(left, top, right, bottom) < 0:
        raise InvalidField(
            _sizes("the result", after, "the original", before) + f" at {left},{top}"
        )
    band = [placement.overlap if margin else 0 for margin in (left, top, right, bottom)]
    inner = (band[0], band[1], before.width - band[2], before.height - band[3])
    kept = Image.new("L", before.size, 0)
    if inner[0] < inner[2] and inner[1] < inner[3]:
        kept.paste(255, inner)
    part = after.crop((left, top, left + before.width, top + before.height))
    found = _compare(before, part, kept, (left, top))
    return replace(found, band_pixels=before.width * before.height - found.kept_pixels)


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
    proof = (named or claims.outputs)[0].proof
    told: dict[str, object] = {
        "image_sha256": digests["image"],
        "mask_sha256": digests["mask"],
        "kept_pixels": found.kept_pixels,
        "band_pixels": found.band_pixels,
    }
    if named:
        told["output_sha256"] = digests["output"]
        told["kept_pixels_changed"] = found.kept_pixels_changed
        told["max_difference"] = found.max_difference
    faults = [] if named else ["the result is not a file that the job delivered"]
    for name, value in told.items():
        claimed = getattr(proof, name)
        if claimed != value:
            faults.append(f"{name} is {value}, and the job says {claimed}")
    return faults


def _compare(
    before: Image.Image, after: Image.Image, kept: Image.Image, corner: tuple[int, int]
) -> Comparison:
    """Compare two pictures of mode RGBA and one size where `kept` is 255."""
    channels = ImageChops.difference(before, after).split()
    largest = ImageChops.multiply(reduce(ImageChops.lighter, channels), kept)
    histogram = largest.histogram()
    box = largest.getbbox()
    return Comparison(
        kept_pixels=kept.histogram()[255],
        kept_pixels_changed=sum(histogram[1:]),
        max_difference=max(level for level, count in enumerate(histogram) if count),
        changed_box=None
        if box is None
        else (box[0] + corner[0], box[1] + corner[1], box[2] + corner[0], box[3] + corner[1]),
    )


def _read_original(data: bytes) -> Image.Image:
    """Decode an original to RGBA, upright; what the service would not take is refused alike."""
    header = read_header(BytesIO(data))
    check_kind(header)
    with decoding(ImageUndecodable("the original is broken or cut short")):
        image = open_picture(BytesIO(data), header)
        # The header's reader finds EXIF that Pillow does not see before the last pixel.
        image.getexif()[_ORIENTATION_TAG] = header.orientation
        return _to_upright_rgba(image)


def _read_result(data: bytes) -> Image.Image:
    """Decode a result to RGBA, upright, whatever format Pillow knows."""
    with decoding(ImageUndecodable("the result is broken, cut short or no picture")):
        return _to_upright_rgba(Image.open(BytesIO(data)))


def _to_upright_rgba(image: Image.Image) -> Image.Image:
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return image.convert("RGBA")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sizes(one: str, first: Image.Image, other: str, second: Image.Image) -> str:
    return (
        f"{one} is {first.width}x{first.height}, {other} {second.width}x{second.height}: "
        "they cannot be compared"
    )
