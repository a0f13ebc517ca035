from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from structlog.testing import capture_logs

from service.contract.errors import GpuOutOfMemory, ModelUnavailable, StoreUnavailable
from service.contract.geometry import Geometry, Margins, plan_margins
from service.contract.jobs import JobWarning, Recipe
from service.contract.params import InpaintParams, OutpaintParams
from service.store.blobs import BlobStore
from tests.support.files import insert_in_png, make_chunk
from tests.support.pictures import (
    encode,
    make_blob_mask,
    make_box_mask,
    make_image,
    make_profile,
    make_rgb,
)
from tests.unit.worker.operations.recording import (
    DoneReport,
    RecordingReporter,
    inpaint_job,
    outpaint_job,
)
from worker.engines.base import Canvas, Engine, Painted, StepCallback
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import QueueEngines
from worker.imaging.decoding import decode_picture
from worker.operations.paint import paint
from worker.reporting import Aborted, ClaimedJob

LIMIT = 1_000_000
BOX = (20, 10, 40, 30)
MASK = make_box_mask(70, 50, BOX)
GEOMETRY = plan_margins(70, 50, Margins(left=9, top=0, right=100, bottom=5))


@dataclass
class ScriptedEngine:
    """Does what a test says with each call; counts calls."""

    script: Callable[[Sequence[Canvas], StepCallback], Any]
    calls: list[list[int]] = field(default_factory=list)

    def load(self) -> Recipe:
        return Recipe(engine="scripted")

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        self.calls.append([canvas.seed for canvas in canvases])
        images = self.script(canvases, on_step)
        return [image if isinstance(image, Painted) else Painted(image) for image in images]


def serve(engine: Engine) -> EngineRegistry:
    return QueueEngines({("inpaint", "patch", None): engine})


def paint_red(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Any]:
    return [np.full((*canvas.mask.shape, 3), (255, 0, 0), np.uint8) for canvas in canvases]


def run(
    jobs: ClaimedJob | list[ClaimedJob], blobs: BlobStore, engines: EngineRegistry
) -> RecordingReporter:
    report = RecordingReporter()
    jobs = [jobs] if isinstance(jobs, ClaimedJob) else jobs
    paint(jobs, blobs, engines, report, max_image_pixels=LIMIT)
    return report


def only_done(report: RecordingReporter) -> DoneReport:
    assert not report.failures
    [done] = report.done_jobs.values()
    return done


def picture(mode: str = "RGB", seed: int = 0) -> bytes:
    return encode(make_image(mode, 70, 50, seed))


def job_of(blobs: BlobStore, seed: int = 0, **params: Any) -> ClaimedJob:
    asked = InpaintParams.model_validate({"seed": seed, **params})
    return inpaint_job(blobs, picture(), encode(MASK), asked)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_paint_inpaints_every_mode(blobs: BlobStore, engines: EngineRegistry, mode: str) -> None:
    data = picture(mode)
    claimed = inpaint_job(blobs, data, encode(MASK))
    done = only_done(run(claimed, blobs, engines))
    [output] = done.outputs
    encoded = blobs.get(output.path)
    source, result = decode_picture(data, LIMIT), decode_picture(encoded, LIMIT)
    assert result.mode == source.mode
    assert np.array_equal(result.channels()[MASK == 0], source.channels()[MASK == 0])
    assert not np.array_equal(result.channels()[MASK != 0], source.channels()[MASK != 0])
    assert output.path == f"jobs/{claimed.job_id}/{claimed.token}/0.png"
    assert (output.width, output.height) == (70, 50)
    assert output.bytes == len(encoded)
    assert output.sha256 == hashlib.sha256(encoded).hexdigest()
    assert output.proof.kept_pixels == 70 * 50 - 400
    assert done.recipe.engine == "patch"
    assert done.timings.paint_seconds is not None


def test_recipe_names_who_set_what_an_intent_sets(blobs: BlobStore) -> None:
    job = job_of(blobs, intent="remove", grow=3)
    spec = job.spec.model_copy(update={"set_by": {"grow": "intent"}})
    for claimed, told in ((replace(job, spec=spec), {"grow": "intent"}), (job_of(blobs), None)):
        done = only_done(run(claimed, blobs, serve(ScriptedEngine(paint_red))))
        assert done.recipe.details.get("set_by") == told


@pytest.mark.parametrize("method", ["mirror", "pattern"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_paint_outpaints_every_mode(
    blobs: BlobStore, engines: EngineRegistry, mode: str, method: str
) -> None:
    data = picture(mode)
    claimed = outpaint_job(blobs, data, GEOMETRY, method=method)
    [output] = only_done(run(claimed, blobs, engines)).outputs
    source = decode_picture(data, LIMIT)
    result = decode_picture(blobs.get(output.path), LIMIT)
    box = GEOMETRY.original
    inside = np.s_[box.top : box.bottom, box.left : box.right]
    assert (output.width, output.height) == (result.width, result.height) == (179, 55)
    assert result.mode == source.mode
    assert np.array_equal(result.channels()[inside], source.channels())
    assert output.proof.touched_box == [0, 0, 179, 55]


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"]),
    seed=st.integers(0, 1000),
    grow=st.integers(-4, 12),
    orientation=st.integers(1, 8),
)
def test_paint_keeps_every_pixel_or_says_why_not(
    blobs: BlobStore, engines: EngineRegistry, mode: str, seed: int, grow: int, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(make_image(mode, 70, 50, seed), exif=exif)
    mask = encode(make_blob_mask(70, 50, seed), exif=exif)
    claimed = inpaint_job(blobs, data, mask, InpaintParams(seed=0, grow=grow))
    [output] = only_done(run(claimed, blobs, engines)).outputs
    source = decode_picture(data, LIMIT)
    result = decode_picture(blobs.get(output.path), LIMIT)
    effective = decode_picture(
        blobs.get(f"jobs/{claimed.job_id}/{claimed.token}/mask.png"), LIMIT
    ).color
    assert np.array_equal(result.channels()[effective == 0], source.channels()[effective == 0])


def test_paint_posts_the_effective_mask_before_it_starts(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    claimed = job_of(blobs, grow=3)
    report = run(claimed, blobs, engines)
    effective, path = report.masks[claimed.job_id]
    mask = decode_picture(blobs.get(path), LIMIT)
    assert report.events == ["mask_ready", "started", "done"]
    assert mask.mode == "L"
    assert np.unique(mask.color).tolist() == [0, 255]
    assert effective.box == [17, 7, 43, 33]
    assert effective.components == 1
    assert effective.coverage == (mask.color == 255).mean()


def test_paint_keeps_the_profile(blobs: BlobStore, engines: EngineRegistry) -> None:
    profile = make_profile()
    data = encode(make_image("RGB", 70, 50), icc_profile=profile)
    [output] = only_done(run(inpaint_job(blobs, data, encode(MASK)), blobs, engines)).outputs
    assert decode_picture(blobs.get(output.path), LIMIT).icc_profile == profile


@pytest.mark.parametrize(("output_format", "extension"), [("jpeg", "jpg"), ("webp", "webp")])
def test_paint_reports_what_a_lossy_format_changed(
    blobs: BlobStore, engines: EngineRegistry, output_format: str, extension: str
) -> None:
    claimed = job_of(blobs, output_format=output_format, output_quality=70)
    [output] = only_done(run(claimed, blobs, engines)).outputs
    assert output.format == output_format
    assert output.path.endswith(f"0.{extension}")
    assert output.proof.kept_pixels_changed > 0


def test_paint_warns_when_jpeg_drops_transparency(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    params = InpaintParams(seed=0, output_format="jpeg")
    claimed = inpaint_job(blobs, picture("RGBA"), encode(MASK), params)
    warnings = only_done(run(claimed, blobs, engines)).warnings
    assert "alpha_dropped" in [warning.code for warning in warnings]


def test_paint_warns_when_colors_cannot_be_carried(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    pq = insert_in_png(picture("RGB"), make_chunk(b"cICP", bytes((9, 16, 0, 1))))
    params = InpaintParams(seed=0, output_format="jpeg")
    warnings = only_done(run(inpaint_job(blobs, pq, encode(MASK), params), blobs, engines)).warnings
    assert "colors_not_carried" in [warning.code for warning in warnings]


def test_paint_tells_what_the_engine_makes_of_its_work(blobs: BlobStore) -> None:
    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Painted]:
        warning = JobWarning(code="smaller_patches", detail="the hole left little to copy from")
        return [
            Painted(canvas.image, 0.1 * (1 + canvas.seed), {"levels": 3}, (warning,))
            for canvas in canvases
        ]

    done = only_done(run(job_of(blobs, seed=0, num_images=2), blobs, serve(ScriptedEngine(script))))
    assert [output.estimate for output in done.outputs] == [0.1, 0.2]
    assert done.recipe.details["levels"] == 3
    assert [warning.code for warning in done.warnings] == ["smaller_patches", "low_confidence"]
    assert "0.10" in done.warnings[1].detail


def test_paint_tells_a_doubtful_generate_no_way_that_it_went_already(blobs: BlobStore) -> None:
    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Painted]:
        return [Painted(canvas.image, 0.1) for canvas in canvases]

    claimed = job_of(blobs)
    claimed = replace(claimed, spec=claimed.spec.model_copy(update={"method": "generate"}))
    engines = QueueEngines({("inpaint", "generate", None): ScriptedEngine(script)})
    warning = only_done(run(claimed, blobs, engines)).warnings[-1]
    assert "another seed, a smaller mask, or a model with weights" in warning.detail


def test_paint_hands_the_source_mask_to_the_engine(blobs: BlobStore) -> None:
    seen: list[Any] = []

    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Any]:
        seen.append(canvases[0].source_mask)
        return [canvas.image for canvas in canvases]

    source = make_box_mask(70, 50, (0, 0, 70, 10))
    claimed = job_of(blobs)
    stored = blobs.put(f"jobs/{claimed.job_id}/input/source_mask", encode(source))
    assert claimed.spec.mask is not None
    reference = claimed.spec.mask.model_copy(update={"path": stored.path, "sha256": stored.sha256})
    claimed = replace(claimed, spec=claimed.spec.model_copy(update={"source_mask": reference}))
    only_done(run(claimed, blobs, serve(ScriptedEngine(script))))
    assert np.array_equal(seen[0], source)


def test_paint_counts_seeds_up_and_around(blobs: BlobStore) -> None:
    engine = ScriptedEngine(paint_red)
    done = only_done(run(job_of(blobs, seed=2**32 - 2, num_images=3), blobs, serve(engine)))
    assert engine.calls == [[2**32 - 2, 2**32 - 1, 0]]
    assert [output.seed for output in done.outputs] == [2**32 - 2, 2**32 - 1, 0]
    assert [output.index for output in done.outputs] == [0, 1, 2]
    assert len({output.path for output in done.outputs}) == 3
    assert done.recipe.batch_size == 3


def test_paint_paints_all_jobs_in_one_call(blobs: BlobStore) -> None:
    engine = ScriptedEngine(paint_red)
    jobs = [job_of(blobs, seed=5), job_of(blobs, seed=7, num_images=2)]
    report = run(jobs, blobs, serve(engine))
    assert engine.calls == [[5, 7, 8]]
    assert report.started_ids == [claimed.job_id for claimed in jobs]
    assert [len(report.done_jobs[claimed.job_id].outputs) for claimed in jobs] == [1, 2]


def broken(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("image", "mask", "params", "code"),
    [
        (broken(picture()), encode(MASK), {}, "image_undecodable"),
        (b"text", encode(MASK), {}, "unsupported_media_type"),
        (encode(make_rgb("texture", 1200, 900)), encode(MASK), {}, "image_too_large"),
        (picture(), broken(encode(MASK)), {}, "mask_undecodable"),
        (picture(), encode(MASK[:40]), {}, "mask_size_mismatch"),
        (picture(), encode(MASK), {"grow": -20}, "mask_empty"),
        (picture(), encode(MASK), {"grow": 100}, "mask_full"),
    ],
)
def test_paint_fails_a_bad_job_alone(
    blobs: BlobStore,
    engines: EngineRegistry,
    image: bytes,
    mask: bytes,
    params: dict[str, Any],
    code: str,
) -> None:
    good = job_of(blobs)
    bad = replace_inputs(blobs, job_of(blobs, **params), image, mask)
    report = run([bad, good], blobs, engines)
    assert report.failures[bad.job_id].code == code
    assert not report.failures[bad.job_id].retryable
    assert list(report.done_jobs) == [good.job_id]
    assert report.started_ids == [good.job_id]


def replace_inputs(blobs: BlobStore, claimed: ClaimedJob, image: bytes, mask: bytes) -> ClaimedJob:
    """Return the job with other inputs; not through Pillow, which some of them break."""
    changed = {}
    for name, data in (("image", image), ("mask", mask)):
        reference = getattr(claimed.spec, name)
        blobs.put(reference.path, data)
        sha256 = hashlib.sha256(data).hexdigest()
        changed[name] = reference.model_copy(update={"bytes": len(data), "sha256": sha256})
    return replace(claimed, spec=claimed.spec.model_copy(update=changed))


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_paint_fails_when_an_input_is_lost(
    blobs: BlobStore, engines: EngineRegistry, damage: str
) -> None:
    claimed = job_of(blobs)
    if damage == "missing":
        blobs.delete_prefix(f"jobs/{claimed.job_id}/input/")
    else:
        blobs.put(claimed.spec.image.path, picture(seed=9))
    failure = run(claimed, blobs, engines).failures[claimed.job_id]
    assert (failure.code, failure.retryable) == ("input_lost", True)


def test_paint_fails_when_the_geometry_is_for_another_size(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    geometry: Geometry = plan_margins(50, 70, Margins(left=9, top=0, right=0, bottom=0))
    claimed = outpaint_job(blobs, picture(), geometry)
    assert run(claimed, blobs, engines).failures[claimed.job_id].code == "image_undecodable"


def test_paint_fails_when_the_format_cannot_hold_the_canvas(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    geometry = plan_margins(70, 50, Margins(left=0, top=0, right=16_400, bottom=0))
    params = OutpaintParams(seed=0, output_format="webp")
    claimed = outpaint_job(blobs, picture(), geometry, params)
    assert run(claimed, blobs, engines).failures[claimed.job_id].code == "invalid_field"


@pytest.mark.parametrize(
    "output",
    [
        np.zeros((50, 70, 3), np.float32),
        np.zeros((50, 70, 4), np.uint8),
        np.zeros((70, 50, 3), np.uint8),
        None,
    ],
)
def test_paint_fails_the_job_whose_output_is_no_picture(blobs: BlobStore, output: Any) -> None:
    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Any]:
        return [output if canvas.seed == 1 else canvas.image for canvas in canvases]

    jobs = [job_of(blobs, seed=1), job_of(blobs, seed=2)]
    report = run(jobs, blobs, serve(ScriptedEngine(script)))
    failure = report.failures[jobs[0].job_id]
    assert (failure.code, failure.retryable) == ("model_output_invalid", True)
    assert list(report.done_jobs) == [jobs[1].job_id]


def test_paint_fails_when_the_engine_gives_too_few(blobs: BlobStore) -> None:
    claimed = job_of(blobs, num_images=2)
    engine = ScriptedEngine(lambda canvases, on_step: paint_red(canvases, on_step)[:1])
    assert (
        run(claimed, blobs, serve(engine)).failures[claimed.job_id].code == "model_output_invalid"
    )


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (MemoryError(), "out_of_memory", False),
        (GpuOutOfMemory(), "gpu_out_of_memory", False),
        (ZeroDivisionError("secret"), "internal", True),
    ],
)
def test_paint_tells_why_the_engine_failed(
    blobs: BlobStore, error: Exception, code: str, retryable: bool
) -> None:
    def script(_canvases: Sequence[Canvas], _on_step: StepCallback) -> None:
        raise error

    claimed = job_of(blobs)
    failure = run(claimed, blobs, serve(ScriptedEngine(script))).failures[claimed.job_id]
    assert (failure.code, failure.retryable) == (code, retryable)
    assert "secret" not in failure.detail


def test_paint_tries_jobs_one_by_one_when_the_call_fails(blobs: BlobStore) -> None:
    def script(canvases: Sequence[Canvas], on_step: StepCallback) -> list[Any]:
        if any(canvas.seed == 1 for canvas in canvases):
            raise GpuOutOfMemory
        return paint_red(canvases, on_step)

    engine = ScriptedEngine(script)
    jobs = [job_of(blobs, seed=seed) for seed in (0, 1, 2)]
    report = run(jobs, blobs, serve(engine))
    assert engine.calls == [[0, 1, 2], [0], [1], [2]]
    assert list(report.failures) == [jobs[1].job_id]
    assert list(report.done_jobs) == [jobs[0].job_id, jobs[2].job_id]


def test_paint_fails_when_no_engine_serves_the_method(blobs: BlobStore) -> None:
    claimed = job_of(blobs)
    assert (
        run(claimed, blobs, QueueEngines({})).failures[claimed.job_id].code == "method_unavailable"
    )


def test_paint_fails_all_jobs_when_the_engine_cannot_be_loaded(blobs: BlobStore) -> None:
    class Unloadable(ScriptedEngine):
        def load(self) -> Recipe:
            raise ModelUnavailable

    jobs = [job_of(blobs), job_of(blobs)]
    report = run(jobs, blobs, serve(Unloadable(paint_red)))
    assert [failure.code for failure in report.failures.values()] == ["model_unavailable"] * 2
    assert not report.started_ids


def test_paint_fails_when_the_store_is_full(
    blobs: BlobStore, engines: EngineRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str, _data: bytes) -> None:
        raise StoreUnavailable

    claimed = job_of(blobs)
    monkeypatch.setattr(blobs, "put", refuse)
    failure = run(claimed, blobs, engines).failures[claimed.job_id]
    assert (failure.code, failure.retryable) == ("store_unavailable", True)


def test_paint_leaves_aborted_jobs_alone(blobs: BlobStore) -> None:
    engine = ScriptedEngine(paint_red)
    jobs = [job_of(blobs, seed=seed) for seed in (0, 1)]
    report = RecordingReporter(aborted={jobs[0].job_id})
    paint(jobs, blobs, serve(engine), report, max_image_pixels=LIMIT)
    assert engine.calls == [[1]]
    assert list(report.done_jobs) == [jobs[1].job_id]
    assert not report.failures


def test_paint_ends_without_a_word_when_all_jobs_are_aborted(blobs: BlobStore) -> None:
    engine = ScriptedEngine(paint_red)
    claimed = job_of(blobs)
    report = RecordingReporter(aborted={claimed.job_id})
    paint([claimed], blobs, serve(engine), report, max_image_pixels=LIMIT)
    assert not engine.calls
    assert not report.events


def test_paint_raises_when_all_jobs_are_aborted_at_a_step(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    claimed = job_of(blobs)
    report = RecordingReporter()
    report.on_step = lambda stage, step: report.aborted.add(claimed.job_id)
    with pytest.raises(Aborted):
        paint([claimed], blobs, engines, report, max_image_pixels=LIMIT)
    assert report.events == ["mask_ready", "started"]
    assert only_done(run(job_of(blobs), blobs, engines)).outputs


def test_paint_drops_a_job_that_is_aborted_while_it_is_encoded(blobs: BlobStore) -> None:
    jobs = [job_of(blobs, seed=0, num_images=2), job_of(blobs, seed=2)]
    report = RecordingReporter()

    def abort_first(stage: str, _step: int) -> None:
        if stage == "encode":
            report.aborted.add(jobs[0].job_id)

    report.on_step = abort_first
    paint(jobs, blobs, serve(ScriptedEngine(paint_red)), report, max_image_pixels=LIMIT)
    assert list(report.done_jobs) == [jobs[1].job_id]
    assert not report.failures


def test_paint_goes_on_with_the_mates_of_a_job_that_is_aborted_when_painted_alone(
    blobs: BlobStore,
) -> None:
    jobs = [job_of(blobs, seed=seed) for seed in (0, 1)]
    report = RecordingReporter()

    def script(canvases: Sequence[Canvas], on_step: StepCallback) -> list[Any]:
        if len(canvases) > 1:
            raise GpuOutOfMemory
        if canvases[0].seed == 0:
            report.aborted.add(jobs[0].job_id)
        on_step(1, 1)
        return paint_red(canvases, on_step)

    paint(jobs, blobs, serve(ScriptedEngine(script)), report, max_image_pixels=LIMIT)
    assert list(report.done_jobs) == [jobs[1].job_id]
    assert not report.failures


def test_paint_goes_on_with_another_engine_when_the_jobs_of_one_are_aborted(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    jobs = [job_of(blobs), outpaint_job(blobs, picture(), GEOMETRY)]
    report = RecordingReporter()
    report.on_step = lambda stage, step: report.aborted.add(jobs[0].job_id)
    paint(jobs, blobs, engines, report, max_image_pixels=LIMIT)
    assert list(report.done_jobs) == [jobs[1].job_id]


def test_paint_cannot_be_fooled_by_an_engine_that_writes_into_its_input(blobs: BlobStore) -> None:
    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> list[Any]:
        canvases[0].image[:] = 0
        return [canvases[0].image]

    claimed = job_of(blobs)
    report = run(claimed, blobs, serve(ScriptedEngine(script)))
    assert report.failures[claimed.job_id].code == "internal"


def test_paint_logs_the_traceback_without_the_prompt(blobs: BlobStore) -> None:
    def script(canvases: Sequence[Canvas], _on_step: StepCallback) -> None:
        raise ValueError(f"cannot paint {canvases[0].params.prompt}")

    claimed = job_of(blobs, prompt="a red door")
    with capture_logs() as logs:
        run(claimed, blobs, serve(ScriptedEngine(script)))
    text = str(logs)
    assert "ValueError: cannot paint [prompt]" in text
    assert "red door" not in text
    assert claimed.job_id in text


def test_paint_gives_the_same_bytes_again(blobs: BlobStore, engines: EngineRegistry) -> None:
    digests = {only_done(run(job_of(blobs), blobs, engines)).outputs[0].sha256 for _ in range(3)}
    assert len(digests) == 1


@pytest.mark.parametrize("output_format", ["png", "jpeg"])
def test_paint_stores_a_resized_copy_beside_the_exact_result(
    blobs: BlobStore, output_format: str
) -> None:
    asked: dict[str, Any] = {"output_width": 35, "output_format": output_format}
    done = only_done(run(job_of(blobs, **asked), blobs, serve(ScriptedEngine(paint_red))))
    [output] = done.outputs
    assert (output.width, output.height) == (70, 50)
    copy = output.resized
    assert copy is not None
    encoded = blobs.get_checked(copy.path, copy.sha256)
    assert (copy.width, copy.height, copy.bytes) == (35, 25, len(encoded))
    assert output.stored_bytes == output.bytes + copy.bytes
    opened = decode_picture(encoded, LIMIT)
    assert (opened.width, opened.height) == (35, 25)
    # In the middle of what is red; JPEG blurs what is around into it.
    assert np.abs(opened.color[10, 15] - np.array([255, 0, 0])).max() < 32
