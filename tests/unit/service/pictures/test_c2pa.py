from __future__ import annotations

import sys

import pytest

from service.contract.jobs import Proof
from service.pictures.c2pa import Manifest, read_manifest, write_proof
from service.verify.provenance import read_provenance
from tests.support.files import insert_in_png, make_chunk
from tests.support.pictures import encode, make_image

PNG = encode(make_image("RGB", 64, 64))
BROKEN = insert_in_png(PNG, make_chunk(b"caBX", b"c2pa.claim.v2 and no more"))


def test_read_manifest_gives_none_where_there_is_none() -> None:
    assert read_manifest(PNG, "image/png") is None


def test_read_manifest_takes_one_that_cannot_be_read_for_invalid() -> None:
    manifest = read_manifest(BROKEN, "image/png")
    assert manifest is not None
    assert manifest.state == "invalid"
    assert manifest.failures


def test_read_manifest_says_that_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert read_provenance(BROKEN).manifest == Manifest("unread")


def test_write_proof_leaves_out_what_cannot_stand_in_the_file() -> None:
    proof = Proof(
        kept_pixels=9,
        kept_pixels_changed=0,
        max_difference=0,
        touched_box=[1, 2, 3, 4],
        image_sha256="00",
        output_sha256="11",
    )
    assert write_proof(proof) == {
        "kept_pixels": 9,
        "kept_pixels_changed": 0,
        "max_difference": 0,
        "band_pixels": 0,
        "image_sha256": "00",
        "touched_box": {"left": 1, "top": 2, "right": 3, "bottom": 4},
    }
