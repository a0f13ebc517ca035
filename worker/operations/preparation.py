"""A prepared job: its pictures decoded, checked, and converted to canvases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.contract.errors import Internal
from service.contract.geometry import Geometry
from service.contract.jobs import BlobRef, FoundThing, JobSpec, JobWarning
from service.contract.params import MAX_SEED, InpaintParams, OutputFormat
from service.store.blobs import BlobStore
from worker.engines.base import Canvas
from worker.imaging import ImageArray, MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.feathering import WeightArray
from worker.imaging.picture import Picture
from worker.imaging.transparency import (
    has_transparency,
    lay_on_white,
    premultiply,
    show_opaque_part,
)
from worker.reporting import ClaimedJob


@dataclass(frozen=True, eq=False)
class Prepared:
    """A claimed job, ready to be painted.

    Attributes:
        job: what is asked.
        picture: what is kept; in outpainting, the original on its canvas.
        mask: uint8 (H, W) of the same size, 255 repaint, a band of overlap included.
        warnings: what the caller should know.
        source_mask: uint8 (H, W), 255 where may be copied from; `None` for everywhere.
        reference: RGB uint8 (H, W, 3), a picture that the model only looks at; `None` for none.
        geometry: in outpainting, where lies what is kept of the original.
        weight: uint8 (H, W), share of what is painted; `None` for all of it.
        band_pixels: pixels of the original that the mask covers.
        mask_sha256: hex digest of the effective mask as posted; `None` in outpainting.
        find_seconds: that finders took for the mask; `None` without any.
        finders: what the recipe says of them.
        found: what they found.
        is_unchanged: True if nothing is to be painted, because nothing was found.
    """

    job: ClaimedJob
    picture: Picture
    mask: MaskArray
    warnings: tuple[JobWarning, ...] = ()
    source_mask: MaskArray | None = None
    reference: ImageArray | None = None
    geometry: Geometry | None = None
    weight: WeightArray | None = None
    band_pixels: int = 0
    mask_sha256: str | None = None
    find_seconds: float | None = None
    finders: tuple[dict[str, Any], ...] = ()
    found: tuple[FoundThing, ...] = ()
    is_unchanged: bool = False

    @property
    def seeds(self) -> list[int]:
        """The seed of each picture asked for: counted up from the job's, past the last one from 0.

        Raises:
            Internal: the job was accepted without a seed.
        """
        seed = self.job.spec.paint_params.seed
        if seed is None:
            raise Internal("the job has no seed")
        return [(seed + index) % (MAX_SEED + 1) for index in range(self.count)]

    @property
    def count(self) -> int:
        """Number of pictures that are asked for."""
        return self.job.spec.paint_params.num_images or 1

    @property
    def output_format(self) -> OutputFormat:
        """The format of the results."""
        return self.job.spec.paint_params.output_format or "png"

    @property
    def paints_alpha(self) -> bool:
        """True if transparency is painted with the colors; else painted pixels are opaque."""
        return _paints_alpha(self.job.spec) and has_transparency(self.picture)

    def canvases(self) -> list[Canvas]:
        """Return what the engine paints: one canvas a picture, all over the same read-only arrays.

        Colors that transparency hides are on none of them.
        """
        image, mask = self._view()
        image.flags.writeable = mask.flags.writeable = False
        params = self.job.spec.paint_params
        return [
            Canvas(image, mask, params, seed, self.geometry, self.source_mask, self.reference)
            for seed in self.seeds
        ]

    def _view(self) -> tuple[ImageArray, MaskArray]:
        """Return picture and mask as the engine sees them."""
        if not has_transparency(self.picture):
            return self.picture.rgb(), self.mask
        if self.paints_alpha:
            return premultiply(self.picture), self.mask
        if paints_transparency(self.job.spec):
            return show_opaque_part(self.picture, self.mask)
        return lay_on_white(self.picture).rgb(), self.mask


def read_reference(spec: JobSpec, blobs: BlobStore, max_image_pixels: int) -> ImageArray | None:
    """Return the picture that the model only looks at: RGB uint8 (H, W, 3); `None` for none.

    Raises:
        PaintjobError: it is lost or broken.
    """
    if spec.reference_image is None:
        return None
    picture = decode_picture(read_input(blobs, spec.reference_image), max_image_pixels)
    image = lay_on_white(picture).rgb() if has_transparency(picture) else picture.rgb()
    image.flags.writeable = False
    return image


def paints_transparency(spec: JobSpec) -> bool:
    """Return whether what is transparent is itself the mask: it is then to become opaque."""
    return isinstance(spec.params, InpaintParams) and spec.params.mask_source == "alpha"


def _paints_alpha(spec: JobSpec) -> bool:
    return spec.method != "generate" and not paints_transparency(spec)


def read_input(blobs: BlobStore, reference: BlobRef) -> bytes:
    """Read an input as it was accepted.

    Raises:
        InputLost: it is missing or differs.
        StoreUnavailable: the store does not answer.
    """
    return blobs.get_checked(reference.path, reference.sha256)
