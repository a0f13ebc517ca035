"""All that a picture's file says of how it came to be."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from service.contract.errors import ImageUndecodable
from service.pictures.c2pa import Manifest, read_manifest
from service.pictures.headers import decoding
from service.pictures.xmp import find_packet, find_source_type


@dataclass(frozen=True)
class Provenance:
    """What a file says of itself.

    Attributes:
        source_type: URI of the digital source type that its XMP tells.
        manifest: its C2PA manifest.
    """

    source_type: str | None
    manifest: Manifest | None


def read_provenance(data: bytes, anchors: str | None = None) -> Provenance:
    """Read what a picture's file says of how it came to be, opening no connection.

    Args:
        data: the file.
        anchors: certificates in PEM of whom to trust; without any, nobody is.

    Raises:
        ImageUndecodable: it is no picture.
    """
    with decoding(ImageUndecodable("the file is no picture")):
        image = Image.open(BytesIO(data))
        image.load()
        packet, media_type = find_packet(image), image.get_format_mimetype()
    return Provenance(
        None if packet is None else find_source_type(packet),
        None if media_type is None else read_manifest(data, media_type, anchors),
    )
