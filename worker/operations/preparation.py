"""A row made ready: its pictures decoded, checked and brought to what an engine sees."""

from __future__ import annotations

from dataclasses import dataclass

from service.contract.errors import Internal
from service.contract.geometry import Geometry
from service.contract.jobs import BlobRef, JobWarning
from service.contract.params import MAX_SEED, OutputFormat
from service.store.blobs import BlobStore
from worker.engines.base import Canvas
from worker.imaging import MaskArray
from worker.imaging.feathering import WeightArray
from worker.imaging.picture import Picture
from worker.reporting import ClaimedJob


@dataclass(frozen=True, eq=False)
class Prepared:
    """One row, ready to be painted.

    Attributes:
        row: what is asked.
        picture: what is kept; in outpainting, the original on its canvas.
        mask: uint8 (H, W) of the same size, 255 repaint, a band of overlap included.
        warnings: what the caller should know.
        source_mask: uint8 (H, W), 255 where may be copied from; `None` for everywhere.
        geometry: in outpainting, where lies what is kept of the original.
        weight: uint8 (H, W), share of what is painted; `None` for all of it.
        band_pixels: pixels of the original that the mask covers.
        mask_sha256: hex digest of the effective mask as posted; `None` in outpainting.
    """

    row: ClaimedJob
    picture: Picture
    mask: MaskArray
    warnings: tuple[JobWarning, ...] = ()
    source_mask: MaskArray | None = None
    geometry: Geometry | None = None
    weight: WeightArray | None = None
    band_pixels: int = 0
    mask_sha256: str | None = None

    @property
    def seeds(self) -> list[int]:
        """The seed of each picture asked for: counted up from the job's, past the last one from 0.

        Raises:
            Internal: the job was accepted without a seed.
        """
        seed = self.row.spec.params.seed
        if seed is None:
            raise Internal("the job has no seed")
        return [(seed + index) % (MAX_SEED + 1) for index in range(self.count)]

    @property
    def count(self) -> int:
        """How many pictures are asked for."""
        return self.row.spec.params.num_images or 1

    @property
    def output_format(self) -> OutputFormat:
        """The format of the results."""
        return self.row.spec.params.output_format or "png"

    def canvases(self) -> list[Canvas]:
        """Give what the engine paints: one canvas a picture, all over the same read-only arrays."""
        image = self.picture.rgb()
        image.flags.writeable = False
        self.mask.flags.writeable = False
        params = self.row.spec.params
        return [
            Canvas(image, self.mask, params, seed, self.geometry, self.source_mask)
            for seed in self.seeds
        ]


def read_input(blobs: BlobStore, reference: BlobRef) -> bytes:
    """Read an input as it was accepted.

    Raises:
        InputLost: it is missing or differs.
        StoreUnavailable: the store does not answer.
    """
    return blobs.get_checked(reference.path, reference.sha256)
