"""Reads the provenance of a picture from its file: XMP and C2PA manifest."""

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
    """Provenance in a file.

    Attributes:
        source_type: URI of the digital source type in its XMP.
        manifest: its C2PA manifest.
    """

    source_type: str | None
    manifest: Manifest | None


def read_provenance(data: bytes, anchors: str | None = None) -> Provenance:
    """Read the provenance of a picture without opening a connection.

    Args:
        data: the file.
        anchors: certificates of trusted signers, in PEM; without any, no signer is trusted.

    Raises:
        ImageUndecodable: it is not a picture.
    """
    with decoding(ImageUndecodable("the file is not a picture")):
        image = Image.open(BytesIO(data))
        image.load()
        packet, media_type = find_packet(image), image.get_format_mimetype()
    return Provenance(
        None if packet is None else find_source_type(packet),
        None if media_type is None else read_manifest(data, media_type, anchors),
    )
