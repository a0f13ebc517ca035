"""`paintjob verify` of results as a worker signs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.contract.catalogue import Catalogue
from service.contract.params import InpaintParams, OutputFormat
from service.pictures.xmp import EDITED_BY_COPYING
from service.store.blobs import BlobStore
from tests.support.identities import make_identity
from tests.support.pictures import encode, make_box_mask, make_image
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job
from worker.config import WorkerSettings
from worker.engines.registry import build_engines
from worker.operations.marking import Marking
from worker.operations.paint import paint

IMAGE = encode(make_image("RGB", 70, 64))
FORMATS: tuple[OutputFormat, ...] = ("png", "jpeg", "webp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an original, its mask, results that were signed, and who vouches for them."""
    folder = tmp_path_factory.mktemp("signed")
    identity = make_identity()
    settings = WorkerSettings.model_validate(identity.write(folder))
    mask = encode(make_box_mask(70, 64, (20, 10, 40, 30)))
    blobs, report = BlobStore.open("memory://"), RecordingReporter()
    marking, engines = (
        Marking.from_settings(settings, Catalogue()),
        build_engines(settings, Catalogue()),
    )
    for output_format in FORMATS:
        claimed = inpaint_job(
            blobs, IMAGE, mask, InpaintParams(seed=3, output_format=output_format)
        )
        paint([claimed], blobs, engines, report, max_image_pixels=10_000, marking=marking)
        [output] = report.done_jobs[claimed.job_id].outputs
        (folder / f"result.{output_format}").write_bytes(
            blobs.get_checked(output.path, output.sha256)
        )
    (folder / "original.png").write_bytes(IMAGE)
    (folder / "mask.png").write_bytes(mask)
    (folder / "root.pem").write_bytes(identity.root)
    return folder


def _verify(folder: Path, result: str, *options: str, original: str = "original.png") -> Any:
    files = (str(folder / original), str(folder / result), "--mask", str(folder / "mask.png"))
    return CliRunner().invoke(app, ["verify", *files, *options])


@pytest.mark.parametrize("output_format", FORMATS)
def test_verify_reads_both_marks(folder: Path, output_format: str) -> None:
    told = json.loads(_verify(folder, f"result.{output_format}", "--json").output)
    assert told["digital_source_type"] == EDITED_BY_COPYING
    manifest = told["manifest"]
    assert (manifest["state"], manifest["signer"]) == ("valid", "A signer in a test")
    assert manifest["digital_source_type"] == EDITED_BY_COPYING
    assert manifest["proof"]["kept_pixels"] == told["kept_pixels"]
    assert told["contradictions"] == []


def test_verify_tells_whether_the_signer_is_trusted(folder: Path) -> None:
    done = _verify(folder, "result.png")
    assert done.exit_code == 0
    assert "C2PA manifest:       valid, signed by A signer in a test\n" in done.output
    assert f"signed source type:  {EDITED_BY_COPYING}\n" in done.output
    done = _verify(folder, "result.png", "--trust", str(folder / "root.pem"))
    assert "C2PA manifest:       trusted, signed by A signer in a test\n" in done.output


def test_verify_refuses_to_trust_what_is_no_certificate(folder: Path) -> None:
    done = _verify(folder, "result.png", "--trust", str(folder / "key.pem"))
    assert done.exit_code == 2
    assert "contains no certificate" in done.output


def test_verify_fails_what_was_changed_after_it_was_signed(folder: Path) -> None:
    data = bytearray((folder / "result.png").read_bytes())
    # The check sum of the end, which no decoder looks at, but the signature covers.
    data[-1] ^= 1
    (folder / "changed.png").write_bytes(data)
    done = _verify(folder, "changed.png")
    assert done.exit_code == 1
    assert "the C2PA manifest is not valid: assertion.dataHash.mismatch" in done.output


def test_verify_fails_what_was_signed_of_another_original(folder: Path) -> None:
    (folder / "other.png").write_bytes(encode(make_image("RGB", 70, 64), compress_level=9))
    done = _verify(folder, "result.png", original="other.png")
    assert done.exit_code == 1
    assert "image_sha256 is" in done.output
    assert "the signed manifest says" in done.output


def test_verify_says_what_reading_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    done = _verify(folder, "result.png")
    assert done.exit_code == 0
    assert "to read it, install paintjob[provenance]" in done.output
