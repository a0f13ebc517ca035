"""What a job's proof, blend and warnings say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.contract.geometry import Margins, plan_margins
from service.contract.jobs import JobWarning
from service.contract.params import InpaintParams, OutpaintParams
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_box_mask, make_image, make_rgb
from tests.unit.worker.operations.recording import (
    DoneReport,
    RecordingReporter,
    inpaint_job,
    outpaint_job,
)
from tests.unit.worker.operations.test_paint import ScriptedEngine, paint_red
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import QueueEngines
from worker.imaging import MaskArray
from worker.imaging.decoding import decode_picture
from worker.operations.finishing import Composed, compose
from worker.operations.paint import paint
from worker.operations.preparation import Prepared
from worker.reporting import ClaimedJob

LIMIT = 1_000_000
MASK = make_box_mask(70, 50, (20, 10, 40, 30))
GEOMETRY = plan_margins(70, 50, Margins(left=9, top=0, right=30, bottom=0))


def run(claimed: ClaimedJob, blobs: BlobStore, engines: EngineRegistry) -> DoneReport:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=LIMIT)
    assert not report.failures
    return report.done_jobs[claimed.job_id]


def fail(claimed: ClaimedJob, blobs: BlobStore, engines: EngineRegistry) -> str:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=LIMIT)
    return report.failures[claimed.job_id].code


def serve(script: Any, method: str = "patch") -> EngineRegistry:
    engine = ScriptedEngine(script)
    return QueueEngines({(name, method, None): engine for name in ("inpaint", "outpaint")})


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_proof_names_the_files_that_it_is_about(blobs: BlobStore) -> None:
    image = encode(make_image("RGB", 70, 50))
    claimed = inpaint_job(blobs, image, encode(MASK))
    [output] = run(claimed, blobs, serve(paint_red)).outputs
    posted = blobs.get(f"jobs/{claimed.job_id}/{claimed.token}/mask.png")
    assert output.proof.image_sha256 == digest(image)
    assert output.proof.mask_sha256 == digest(posted)
    assert output.proof.output_sha256 == output.sha256 == digest(blobs.get(output.path))


def test_proof_of_an_outpainting_has_no_mask(blobs: BlobStore) -> None:
    claimed = outpaint_job(blobs, encode(make_image("RGB", 70, 50)), GEOMETRY, method="patch")
    [output] = run(claimed, blobs, serve(paint_red)).outputs
    assert output.proof.mask_sha256 is None
    assert (output.proof.kept_pixels, output.proof.band_pixels) == (70 * 50, 0)


def test_overlap_hands_the_engine_a_smaller_original(blobs: BlobStore) -> None:
    seen: list[Canvas] = []

    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Any]:
        seen.extend(canvases)
        return paint_red(canvases, _on_step)

    params = OutpaintParams(seed=0, overlap=6)
    claimed = outpaint_job(blobs, encode(make_image("RGB", 70, 50)), GEOMETRY, params, "patch")
    run(claimed, blobs, serve(script))
    [canvas] = seen
    assert canvas.geometry is not None
    assert canvas.geometry.original.as_list() == [15, 0, 73, 50]
    assert canvas.geometry.margins.left == 15
    assert (canvas.mask == 0).sum() == 58 * 50
    assert not canvas.mask[:, 15:73].any()


def test_overlap_blends_over_its_band_and_says_so(blobs: BlobStore) -> None:
    image = make_rgb("gradient", 70, 50)
    params = OutpaintParams(seed=0, overlap=6)
    claimed = outpaint_job(blobs, encode(image), GEOMETRY, params, "patch")
    [output] = run(claimed, blobs, serve(paint_red)).outputs
    result = decode_picture(blobs.get(output.path), LIMIT).color
    assert output.proof.band_pixels == 2 * 6 * 50
    assert output.proof.kept_pixels == 58 * 50
    assert output.proof.kept_pixels_changed == 0
    assert np.array_equal(result[:, 15:73], image[:, 6:64])
    red = np.array((255, 0, 0))
    distance = np.abs(result[25, 9:15].astype(int) - red).sum(1)
    assert (np.diff(distance) > 0).all()
    assert (result[:, :9] == red).all()


def test_overlap_may_take_all_but_a_pixel_along_one_side(blobs: BlobStore) -> None:
    geometry = plan_margins(70, 50, Margins(left=9, top=0, right=0, bottom=0))
    params = OutpaintParams(seed=0, overlap=69)
    claimed = outpaint_job(blobs, encode(make_image("RGB", 70, 50)), geometry, params, "patch")
    [output] = run(claimed, blobs, serve(paint_red)).outputs
    assert (output.proof.kept_pixels, output.proof.band_pixels) == (50, 69 * 50)


@pytest.mark.parametrize("overlap", [35, 100])
def test_overlap_must_leave_something_of_the_original(blobs: BlobStore, overlap: int) -> None:
    params = OutpaintParams(seed=0, overlap=overlap)
    claimed = outpaint_job(blobs, encode(make_image("RGB", 70, 50)), GEOMETRY, params, "patch")
    assert fail(claimed, blobs, serve(paint_red)) == "invalid_field"


def test_feather_fades_inward_alone(blobs: BlobStore) -> None:
    image = make_rgb("gradient", 70, 50)
    claimed = inpaint_job(blobs, encode(image), encode(MASK), InpaintParams(seed=0, feather=5))
    [output] = run(claimed, blobs, serve(paint_red)).outputs
    result = decode_picture(blobs.get(output.path), LIMIT).color
    red = np.array((255, 0, 0))
    assert np.array_equal(result[MASK == 0], image[MASK == 0])
    distance = np.abs(result[20, 20:27].astype(int) - red).sum(1)
    assert (np.diff(distance[:5]) < 0).all()
    assert distance[5] == distance[6] == 0
    assert output.proof.touched_box == [20, 10, 40, 30]


@pytest.mark.parametrize(
    ("feather", "percent"), [(0, None), (9, None), (10, 95), (20, 48), (256, 4)]
)
def test_a_feather_that_hides_what_is_painted_is_told(
    blobs: BlobStore, feather: int, percent: int | None
) -> None:
    image = Image.new("RGB", (70, 50))
    claimed = inpaint_job(
        blobs, encode(image), encode(MASK), InpaintParams(seed=0, feather=feather)
    )
    done = run(claimed, blobs, serve(paint_red))
    red = int(decode_picture(blobs.get(done.outputs[0].path), LIMIT).color[..., 0].max())
    if percent is None:
        assert not done.warnings
        assert red == 255
        return
    [warning] = done.warnings
    assert warning.code == "feather_exceeds_mask"
    assert f"at most {percent} % of the painting shows" in warning.detail
    assert percent - 1 < 100 * red / 255 <= percent


def test_a_mask_that_grows_odd_is_told(blobs: BlobStore) -> None:
    claimed = inpaint_job(
        blobs,
        encode(make_image("RGB", 70, 50)),
        encode(MASK),
        InpaintParams(seed=0, grow=20),
    )
    codes = [warning.code for warning in run(claimed, blobs, serve(paint_red)).warnings]
    assert codes == ["mask_looks_inverted", "mask_touches_border"]


def test_what_the_api_has_said_of_the_mask_is_not_said_again(blobs: BlobStore) -> None:
    mask = make_box_mask(70, 50, (0, 10, 20, 30))
    claimed = inpaint_job(
        blobs, encode(make_image("RGB", 70, 50)), encode(mask), InpaintParams(seed=0, grow=24)
    )
    said = JobWarning(code="mask_touches_border", detail="of the mask as it came")
    claimed = ClaimedJob(claimed.spec.model_copy(update={"warnings": [said]}), claimed.token)
    codes = [warning.code for warning in run(claimed, blobs, serve(paint_red)).warnings]
    assert codes == ["mask_looks_inverted"]


@pytest.mark.parametrize("details", [{}, {"blend": "membrane"}])
def test_recipe_tells_the_blend(blobs: BlobStore, details: dict[str, str]) -> None:
    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Any]:
        return [Painted(canvases[0].image, details=details)]

    claimed = inpaint_job(blobs, encode(make_rgb("texture", 70, 50)), encode(MASK))
    told = run(claimed, blobs, serve(script)).recipe.details
    assert told["blend"] == details.get("blend", "none")


def dots(count: int) -> MaskArray:
    mask = np.zeros((100, 100), np.uint8)
    for spot in range(count):
        mask[2 + 4 * (spot // 24), 2 + 4 * (spot % 24)] = 255
    return mask


@pytest.mark.parametrize(("count", "codes"), [(256, []), (257, ["mask_many_parts"])])
def test_many_parts_are_told(blobs: BlobStore, count: int, codes: list[str]) -> None:
    claimed = inpaint_job(blobs, encode(make_image("RGB", 100, 100)), encode(dots(count)))
    done = run(claimed, blobs, serve(paint_red))
    assert [warning.code for warning in done.warnings] == codes


def test_many_parts_are_counted_after_grow(blobs: BlobStore) -> None:
    params = InpaintParams(seed=0, grow=2)
    claimed = inpaint_job(blobs, encode(make_image("RGB", 100, 100)), encode(dots(400)), params)
    done = run(claimed, blobs, serve(paint_red))
    assert [warning.code for warning in done.warnings] == ["mask_touches_border"]


@pytest.mark.parametrize(
    ("method", "width", "codes"),
    [("generate", 6, ["mask_too_thin"]), ("generate", 9, []), ("patch", 6, [])],
)
def test_a_mask_too_thin_for_the_model_is_told(
    blobs: BlobStore, method: str, width: int, codes: list[str]
) -> None:
    mask = make_box_mask(70, 50, (30, 5, 30 + width, 45))
    claimed = inpaint_job(blobs, encode(make_image("RGB", 70, 50)), encode(mask), method=method)
    done = run(claimed, blobs, serve(paint_red, method))
    assert [warning.code for warning in done.warnings] == codes


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_lossless_webp_is_proven_like_png(
    blobs: BlobStore, engines: EngineRegistry, mode: str
) -> None:
    params = InpaintParams(seed=0, output_format="webp", output_lossless=True)
    claimed = inpaint_job(blobs, encode(make_image(mode, 70, 50)), encode(MASK), params)
    [output] = run(claimed, blobs, engines).outputs
    assert (output.format, output.proof.kept_pixels_changed) == ("webp", 0)


def test_nothing_is_delivered_when_a_kept_pixel_changed(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damage(prepared: Prepared, painted: Painted, index: int) -> Composed:
        picture = compose(prepared, painted, index).picture
        color = picture.color.copy()
        color[49, 69, 2] ^= 1
        return Composed(picture.with_pixels(color, None), None)

    monkeypatch.setattr("worker.operations.paint.compose", damage)
    claimed = inpaint_job(blobs, encode(make_image("RGB", 70, 50)), encode(MASK))
    assert fail(claimed, blobs, serve(paint_red)) == "kept_pixels_changed"
    with pytest.raises(FileNotFoundError):
        blobs.get(f"jobs/{claimed.job_id}/{claimed.token}/0.png")
