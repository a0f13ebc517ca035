"""Outpainting: a picture and a geometry become a canvas."""

from __future__ import annotations

from service.contract.blobs import BlobStore
from service.contract.errors import ImageUndecodable, Internal
from worker.imaging.compositing import place_on_canvas
from worker.imaging.decoding import decode_picture
from worker.operations.preparation import Prepared, read_input
from worker.reporting import Row


def prepare_outpaint(row: Row, blobs: BlobStore, max_image_pixels: int) -> Prepared:
    """Decode the picture and lay it on its canvas.

    Raises:
        PaintjobError: the input is lost, broken, or not of the size that was planned for.
    """
    geometry = row.spec.geometry
    if geometry is None:
        raise Internal("the job has no geometry")
    picture = decode_picture(read_input(blobs, row.spec.image), max_image_pixels)
    planned = geometry.original.width, geometry.original.height
    if (picture.width, picture.height) != planned:
        raise ImageUndecodable("the picture's data has another size than its header declares")
    canvas, mask = place_on_canvas(picture, geometry)
    return Prepared(row, canvas, mask)
