from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa  # type: ignore[import-untyped]
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from PIL import Image

from service.contract.formats import MEDIA_TYPES
from service.contract.geometry import Margins, plan_margins
from service.contract.jobs import Output
from service.contract.params import InpaintParams, OutputFormat
from service.pictures.c2pa import Manifest, read_manifest
from service.pictures.xmp import EDITED_BY_COPYING
from service.store.blobs import BlobStore
from tests.support.identities import Identity, Key, make_identity
from tests.support.pictures import encode, make_box_mask, make_image
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job, outpaint_job
from worker.config import WorkerSettings
from worker.engines.lookup import EngineRegistry
from worker.operations.marking import MARKED, Marking, open_signer
from worker.operations.paint import paint
from worker.operations.signing import Signer
from worker.reporting import ClaimedJob

SIZE = (70, 64)
BOX = (20, 10, 40, 30)
IMAGE = make_image("RGB", *SIZE)
MASK = encode(make_box_mask(*SIZE, BOX))


@pytest.fixture(scope="module")
def identity() -> Identity:
    return make_identity()


@pytest.fixture(scope="module")
def signing(identity: Identity) -> Marking:
    return Marking(signer=Signer(identity.chain, identity.key))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_certificate_of_the_documents_recipe_signs(tmp_path: Path) -> None:
    text = Path("docs/provenance.md").read_text()
    [recipe] = re.findall(r"```sh\n(openssl .*?)```", text, re.DOTALL)
    subprocess.run(["/bin/sh", "-e", "-c", recipe], cwd=tmp_path, check=True, capture_output=True)
    Signer.open(tmp_path / "chain.pem", tmp_path / "key.pem")


@pytest.fixture
def beacon() -> Iterator[tuple[str, list[str]]]:
    """A URL that nobody should ask, and the paths that were asked for all the same."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/manifest", asked
        server.shutdown()
        thread.join()


def _paint(
    blobs: BlobStore, engines: EngineRegistry, claimed: ClaimedJob, marking: Marking
) -> tuple[Output, bytes]:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=100_000, marking=marking)
    assert not report.failures
    [output] = report.done_jobs[claimed.job_id].outputs
    return output, blobs.get_checked(output.path, output.sha256)


def _read(data: bytes, output_format: str, anchors: bytes | None = None) -> Manifest:
    manifest = read_manifest(
        data, MEDIA_TYPES[output_format], None if anchors is None else anchors.decode()
    )
    assert manifest is not None
    return manifest


def _report(data: bytes) -> dict[str, Any]:
    report = json.loads(c2pa.Reader("image/png", BytesIO(data)).json())
    active: dict[str, Any] = report["manifests"][report["active_manifest"]]
    return active


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp", "avif"])
def test_sign_proves_and_touches_no_pixel(
    blobs: BlobStore,
    engines: EngineRegistry,
    identity: Identity,
    signing: Marking,
    output_format: OutputFormat,
    source: str,
) -> None:
    params = InpaintParams(seed=3, output_format=output_format)
    claimed = inpaint_job(blobs, encode(IMAGE, source), MASK, params)
    output, signed = _paint(blobs, engines, claimed, signing)
    manifest = _read(signed, output_format, identity.root)
    assert (manifest.state, manifest.failures) == ("trusted", ())
    assert manifest.source_type == EDITED_BY_COPYING
    assert manifest.proof == output.proof.model_copy(update={"output_sha256": None})
    assert output.proof.output_sha256 == output.sha256
    _, bare = _paint(blobs, engines, replace(claimed), MARKED)
    with Image.open(BytesIO(signed)) as one, Image.open(BytesIO(bare)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_sign_names_source_box_and_actions(
    blobs: BlobStore, engines: EngineRegistry, signing: Marking
) -> None:
    claimed = inpaint_job(blobs, encode(IMAGE), MASK)
    active = _report(_paint(blobs, engines, claimed, signing)[1])
    [parent] = active["ingredients"]
    assert (parent["relationship"], parent["format"]) == ("parentOf", "image/png")
    # It would show what was painted over.
    assert "thumbnail" not in parent
    assert "thumbnail" not in active
    opened, edited = active["assertions"][0]["data"]["actions"]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    [region] = edited["changes"][0]["region"]
    assert region["shape"] == {
        "type": "rectangle",
        "unit": "pixel",
        "origin": {"x": 20, "y": 10},
        "width": 20,
        "height": 20,
        "inside": True,
    }
    assert edited["parameters"]["paintjob.method"] == "patch"


def test_sign_names_what_outpainting_kept(
    blobs: BlobStore, engines: EngineRegistry, signing: Marking
) -> None:
    geometry = plan_margins(*SIZE, Margins(left=30, top=0, right=0, bottom=16))
    claimed = outpaint_job(blobs, encode(IMAGE), geometry)
    active = _report(_paint(blobs, engines, claimed, signing)[1])
    [region] = active["assertions"][0]["data"]["actions"][1]["changes"][0]["region"]
    assert region["shape"]["origin"] == {"x": 30, "y": 0}
    assert (region["shape"]["width"], region["shape"]["height"]) == SIZE
    assert region["shape"]["inside"] is False


def test_sign_keeps_the_sources_own_manifest(
    blobs: BlobStore, engines: EngineRegistry, signing: Marking
) -> None:
    claimed = inpaint_job(blobs, encode(IMAGE), MASK)
    _, first = _paint(blobs, engines, claimed, signing)
    _, second = _paint(blobs, engines, inpaint_job(blobs, first, MASK), signing)
    assert _report(second)["ingredients"][0]["active_manifest"] == _report(first)["label"]


def test_sign_asks_no_host_that_the_source_names(
    blobs: BlobStore, engines: EngineRegistry, signing: Marking, beacon: tuple[str, list[str]]
) -> None:
    url, asked = beacon
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:d="http://purl.org/dc/terms/" d:provenance="{url}"/></rdf:RDF></x:xmpmeta>'
    )
    claimed = inpaint_job(blobs, encode(IMAGE, "JPEG", xmp=xmp.encode()), MASK)
    _, signed = _paint(blobs, engines, claimed, signing)
    assert _read(signed, "png").state == "valid"
    assert asked == []


def test_read_manifest_finds_what_was_changed_since(
    blobs: BlobStore, engines: EngineRegistry, signing: Marking
) -> None:
    claimed = inpaint_job(blobs, encode(IMAGE), MASK)
    _, signed = _paint(blobs, engines, claimed, signing)
    changed = bytearray(signed)
    changed[-30] ^= 1
    manifest = _read(bytes(changed), "png")
    assert manifest.state == "invalid"
    assert manifest.failures == ("assertion.dataHash.mismatch",)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["es384", "es512", "ed25519", "ps256"],
)
def test_open_signer_takes_every_kind_of_key(tmp_path: Path, key: Key) -> None:
    settings = WorkerSettings.model_validate(make_identity(key).write(tmp_path))
    assert open_signer(settings) is not None


def test_open_signer_gives_none_where_nothing_is_to_be_signed() -> None:
    assert open_signer(WorkerSettings()) is None


def test_open_signer_refuses_the_key_of_another(tmp_path: Path, identity: Identity) -> None:
    mixed = replace(identity, key=make_identity().key)
    settings = WorkerSettings.model_validate(mixed.write(tmp_path))
    with pytest.raises(ValueError, match="certificate and key cannot sign"):
        open_signer(settings)


def test_open_signer_refuses_a_certificate_that_may_not_sign(
    tmp_path: Path, identity: Identity
) -> None:
    settings = WorkerSettings.model_validate(replace(identity, chain=identity.root).write(tmp_path))
    with pytest.raises(ValueError, match="certificate and key cannot sign"):
        open_signer(settings)


@pytest.mark.parametrize("name", ["chain", "key"])
def test_open_signer_refuses_what_is_none(tmp_path: Path, identity: Identity, name: str) -> None:
    broken = replace(identity, **{name: b"-----BEGIN NOTHING-----\n"})
    settings = WorkerSettings.model_validate(broken.write(tmp_path))
    with pytest.raises(ValueError, match=r"PEM|certificate"):
        open_signer(settings)


def test_open_signer_refuses_files_that_are_not_there(tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"
    with pytest.raises(ValueError, match=r"C2PA_CERTIFICATE=.*absent"):
        open_signer(WorkerSettings(c2pa_certificate=absent, c2pa_key=absent))


def test_settings_refuse_half_an_identity(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="go together"):
        WorkerSettings(c2pa_certificate=tmp_path / "chain.pem")


def test_resized_copy_is_signed_without_the_proof_of_the_result(
    blobs: BlobStore, engines: EngineRegistry, signing: Marking
) -> None:
    params = InpaintParams(seed=7, output_width=35)
    output, _ = _paint(blobs, engines, inpaint_job(blobs, encode(IMAGE), MASK, params), signing)
    assert output.resized is not None
    data = blobs.get(output.resized.path)
    with c2pa.Reader("image/png", BytesIO(data)) as reader:
        state, report = reader.get_validation_state(), json.loads(reader.json())
    assert state != "Invalid"
    [actions] = report["manifests"][report["active_manifest"]]["assertions"]
    names = [each["action"] for each in actions["data"]["actions"]]
    assert names == ["c2pa.opened", "c2pa.edited", "c2pa.resized"]
    assert "proof" not in json.dumps(actions)
