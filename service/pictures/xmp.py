"""XMP with the digital source type of a picture: written to results, read from any file."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from PIL import Image

SCHEME: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC's vocabulary of digital source types."""

EDITED_BY_MODEL: Final = SCHEME + "compositeWithTrainedAlgorithmicMedia"
"""Augmented by generative AI, "such as with inpainting or outpainting operations"."""

EDITED_BY_COPYING: Final = SCHEME + "composite"
"""A mix of several elements; whether any is generated, the term leaves open."""

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_FIELD: Final = f"{{{_IPTC}}}DigitalSourceType"

_PACKET: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf={rdf}>\
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt={iptc} \
Iptc4xmpExt:DigitalSourceType={source_type}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""

_MAX_PACKET_BYTES: Final = 1024 * 1024


def write_packet(source_type: str) -> bytes:
    """Return an XMP packet with a digital source type.

    Args:
        source_type: URI of the term.

    Source: XMP specification part 1 (ISO 16684-1), 7.3; IPTC Photo Metadata Standard, Digital
    Source Type.
    """
    values = {"rdf": _RDF, "iptc": _IPTC, "source_type": source_type}
    return _PACKET.format(**{name: quoteattr(value) for name, value in values.items()}).encode()


def find_packet(image: Image.Image) -> bytes | None:
    """Return the XMP of a file that Pillow has loaded; `None` if it has none."""
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return found.encode() if isinstance(found, str) else found


def find_source_type(packet: bytes) -> str | None:
    """Return the digital source type in XMP; `None` if it has none, or cannot be read.

    Args:
        packet: untrusted.
    """
    if len(packet) > _MAX_PACKET_BYTES:
        return None
    try:
        text = packet.decode("utf-8-sig").strip("\0 \r\n\t")
        # XMP has no document type, and entities make XML dangerous.
        if "<!" in text.replace("<!--", ""):
            return None
        root = ElementTree.fromstring(text)  # nosec B314 # noqa: S314
    except (ValueError, ElementTree.ParseError):
        return None
    values = (_value_of(element) for element in root.iter())
    return next((value for value in values if value), None)


def _value_of(element: ElementTree.Element) -> str | None:
    """Return the source type in one element: as attribute, text or resource."""
    if element.tag == _FIELD:
        return (element.get(f"{{{_RDF}}}resource") or element.text or "").strip()
    return element.get(_FIELD)
