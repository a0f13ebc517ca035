"""Prepare an outpainting: decode the picture, and place it on its canvas."""

from __future__ import annotations

from dataclasses import replace

from service.contract.errors import ImageUndecodable, Internal
from service.contract.geometry import Geometry
from service.contract.params import OutpaintParams
from service.store.blobs import BlobStore
from worker.imaging.compositing import mask_around, place_on_canvas
from worker.imaging.decoding import decode_picture
from worker.imaging.feathering import weigh_outward
from worker.imaging.geometry import shrink_original
from worker.operations.mask_warnings import find_transparency_warnings
from worker.operations.preparation import Prepared, read_input, read_reference
from worker.reporting import ClaimedJob


def prepare_outpaint(job: ClaimedJob, blobs: BlobStore, max_image_pixels: int) -> Prepared:
    """Decode the picture and lay it on its canvas.

    Raises:
        PaintjobError: the input is lost, broken, or not of the size that was planned for.
    """
    geometry = job.spec.geometry
    if geometry is None:
        raise Internal("the job has no geometry")
    params = job.spec.paint_params
    picture = decode_picture(
        read_input(blobs, job.spec.image),
        max_image_pixels,
        keep_metadata=params.keep_metadata or False,
        takes_cmyk=params.convert is not None,
    )
    planned = geometry.original.width, geometry.original.height
    if (picture.width, picture.height) != planned:
        raise ImageUndecodable("the picture's data has another size than its header declares")
    canvas, mask = place_on_canvas(picture, geometry)
    warnings = tuple(find_transparency_warnings(job.spec, canvas, mask))
    reference = read_reference(job.spec, blobs, max_image_pixels)
    prepared = Prepared(job, canvas, mask, warnings, reference=reference, geometry=geometry)
    overlap = params.overlap if isinstance(params, OutpaintParams) else None
    return _with_band(prepared, geometry, overlap) if overlap else prepared


def _with_band(prepared: Prepared, geometry: Geometry, overlap: int) -> Prepared:
    """Extend the mask into the original by the overlap, along the sides that are extended.

    Raises:
        InvalidField: that would leave nothing of the original.
    """
    kept = shrink_original(geometry, overlap)
    whole, left = geometry.original, kept.original
    return replace(
        prepared,
        mask=mask_around(kept),
        geometry=kept,
        weight=weigh_outward(geometry, overlap),
        band_pixels=whole.width * whole.height - left.width * left.height,
    )
