"""XMP that says how a picture came to be: written for results, and read from any file."""

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
"""A mix of several elements, of which the term does not say whether any is generated."""

_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_FIELD: Final = f"{{{_IPTC}}}DigitalSourceType"

_PACKET: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf={rdf}>\
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt={iptc} \
Iptc4xmpExt:DigitalSourceType={source_type}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""

_MAX_PACKET_BYTES: Final = 1024 * 1024


def write_packet(source_type: str) -> bytes:
    """Give an XMP packet that tells a digital source type.

    Args:
        source_type: the term's URI.

    Source: XMP specification part 1 (ISO 16684-1), 7.3; IPTC Photo Metadata Standard, Digital
    Source Type.
    """
    values = {"rdf": _RDF, "iptc": _IPTC, "source_type": source_type}
    return _PACKET.format(**{name: quoteattr(value) for name, value in values.items()}).encode()


def find_packet(image: Image.Image) -> bytes | None:
    """Give the XMP of a file that Pillow has loaded; `None` if it has none."""
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return found.encode() if isinstance(found, str) else found


def find_source_type(packet: bytes) -> str | None:
    """Give the digital source type that XMP tells; `None` for none, or XMP that cannot be read.

    Args:
        packet: untrusted.
    """
    if len(packet) > _MAX_PACKET_BYTES:
        return None
    try:
        text = packet.decode("utf-8-sig").strip("\0 \r\n\t")
        # XMP has no document type, and entities are what makes XML dangerous.
        if "<!" in text.replace("<!--", ""):
            return None
        root = ElementTree.fromstring(text)  # nosec B314 # noqa: S314
    except (ValueError, ElementTree.ParseError):
        return None
    values = (_value_of(element) for element in root.iter())
    return next((value for value in values if value), None)


def _value_of(element: ElementTree.Element) -> str | None:
    """Give the source type that one element tells: as attribute, text or resource."""
    if element.tag == _FIELD:
        return (element.get(f"{{{_RDF}}}resource") or element.text or "").strip()
    return element.get(_FIELD)
