from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.contract.catalogue import SELF_MODEL, Catalogue, ModelEntry
from service.contract.jobs import Output
from service.contract.params import InpaintParams, OutputFormat
from service.pictures.xmp import EDITED_BY_COPYING, EDITED_BY_MODEL
from service.store.blobs import BlobStore
from service.verify.provenance import read_provenance
from tests.support.files import insert_in_png, make_chunk
from tests.support.pictures import encode, make_box_mask, make_image
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job
from worker.config import WorkerSettings
from worker.engines.lookup import EngineRegistry
from worker.operations.marking import MARKED, Marking
from worker.operations.paint import paint

IMAGE = make_image("RGB", 70, 64)
MASK = make_box_mask(70, 64, (20, 10, 40, 30))
TRAINED = ModelEntry(name="good", family="flux-fill", source="/nowhere")


def _paint(
    blobs: BlobStore,
    engines: EngineRegistry,
    output_format: OutputFormat,
    marking: Marking,
    image: bytes = encode(IMAGE),
) -> tuple[Output, bytes]:
    params = InpaintParams(seed=3, output_format=output_format, method="patch")
    claimed = inpaint_job(blobs, image, encode(MASK), params)
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=10_000, marking=marking)
    [output] = report.done_jobs[claimed.job_id].outputs
    return output, blobs.get_checked(output.path, output.sha256)


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp", "avif"])
def test_mark_tells_the_source_type_and_touches_no_pixel(
    blobs: BlobStore, engines: EngineRegistry, output_format: OutputFormat
) -> None:
    output, marked = _paint(blobs, engines, output_format, MARKED)
    _, bare = _paint(blobs, engines, output_format, Marking(tells_source_type=False))
    assert read_provenance(marked).source_type == EDITED_BY_COPYING
    assert read_provenance(bare).source_type is None
    assert output.proof.output_sha256 == output.sha256
    with Image.open(BytesIO(marked)) as one, Image.open(BytesIO(bare)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_mark_leaves_the_inputs_xmp_behind(blobs: BlobStore, engines: EngineRegistry) -> None:
    text = make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<secret/>")
    _, marked = _paint(blobs, engines, "png", MARKED, insert_in_png(encode(IMAGE), text))
    assert b"secret" not in marked
    assert marked.count(b"XML:com.adobe.xmp") == 1


@pytest.mark.parametrize(
    ("method", "model", "term"),
    [
        ("patch", None, EDITED_BY_COPYING),
        ("generate", "self", EDITED_BY_COPYING),
        ("generate", "good", EDITED_BY_MODEL),
        ("generate", "unknown", EDITED_BY_MODEL),
    ],
)
def test_source_type_tells_trained_models_from_others(
    blobs: BlobStore, method: str, model: str | None, term: str
) -> None:
    marking = Marking.from_settings(WorkerSettings(), Catalogue(models=(SELF_MODEL, TRAINED)))
    claimed = inpaint_job(blobs, encode(IMAGE), encode(MASK), method=method, model=model)
    assert marking.source_type(claimed.spec) == term
