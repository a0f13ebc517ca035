from __future__ import annotations

import pytest
from PIL import Image

from service.pictures.xmp import (
    EDITED_BY_COPYING,
    EDITED_BY_MODEL,
    find_source_type,
    write_packet,
)
from service.verify.provenance import read_provenance
from tests.support.files import insert_in_png, make_chunk
from tests.support.pictures import encode

TERM = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
IPTC = 'xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
PICTURE = Image.new("RGB", (64, 64))


def _packet(description: str) -> bytes:
    inner = f"<rdf:RDF {RDF} {IPTC}>{description}</rdf:RDF>"
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{inner}</x:xmpmeta>'.encode()


@pytest.mark.parametrize("term", [EDITED_BY_COPYING, EDITED_BY_MODEL])
def test_write_packet_is_read_back(term: str) -> None:
    packet = write_packet(term)
    assert packet.startswith(b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert find_source_type(packet) == term


@pytest.mark.parametrize(
    "description",
    [
        f'<rdf:Description I:DigitalSourceType="{TERM}"/>',
        f"<rdf:Description><I:DigitalSourceType>\n{TERM} </I:DigitalSourceType></rdf:Description>",
        f'<rdf:Description><I:DigitalSourceType rdf:resource="{TERM}"/></rdf:Description>',
        f'<!-- made by hand --><rdf:Description I:DigitalSourceType="{TERM}"/>',
    ],
)
def test_find_source_type_reads_every_way_to_write_it(description: str) -> None:
    assert find_source_type(_packet(description)) == TERM


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"no xml",
        b"\xff\xfe<",
        _packet("<rdf:Description/>"),
        _packet("<rdf:Description><I:DigitalSourceType/></rdf:Description>"),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + _packet(f'<rdf:x I:DigitalSourceType="{TERM}"/>'),
        _packet(f'<rdf:x I:DigitalSourceType="{TERM}"/>' + " " * 1024 * 1024),
    ],
)
def test_find_source_type_gives_none_for_what_tells_none(packet: bytes) -> None:
    assert find_source_type(packet) is None


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "AVIF"])
def test_read_source_type_finds_it_in_a_file(name: str) -> None:
    assert read_provenance(encode(PICTURE, name, xmp=write_packet(TERM))).source_type == TERM
    assert read_provenance(encode(PICTURE, name)).source_type is None


def test_read_source_type_finds_it_in_a_png() -> None:
    text = make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + write_packet(TERM))
    assert read_provenance(insert_in_png(encode(PICTURE), text)).source_type == TERM
