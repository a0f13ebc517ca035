"""The promise, over generated jobs: what is kept comes back bit for bit, and the proof says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps, features

from service.contract.catalogue import Catalogue
from service.contract.geometry import Geometry, Margins, plan_margins
from service.contract.jobs import Output, Recipe
from service.contract.params import InpaintParams, OutpaintParams
from service.store.blobs import BlobStore
from service.verify.comparison import (
    Comparison,
    Placement,
    compare_inpainted,
    compare_outpainted,
)
from service.verify.job_document import find_contradictions, read_job_document
from tests.support.cmyk import make_cmyk_profile
from tests.support.pictures import (
    encode,
    make_alpha,
    make_box_mask,
    make_image,
    make_profile,
    make_rgb,
)
from tests.unit.worker.operations.recording import (
    RecordingReporter,
    inpaint_job,
    outpaint_job,
)
from worker.config import WorkerSettings
from worker.engines.base import Canvas, Engine, Painted, StepCallback
from worker.engines.lookup import EngineRegistry
from worker.engines.progress import paint_each
from worker.engines.registry import QueueEngines, build_engines
from worker.imaging import MaskArray
from worker.imaging.blending import match_rim
from worker.imaging.masks import decode_mask
from worker.operations.inpaint import measure_mask
from worker.operations.paint import paint
from worker.reporting import ClaimedJob

LIMIT = 17_000_000

FORMATS = {"PNG": ["1", "L", "LA", "P", "PA", "RGB", "RGBA"], "JPEG": ["L", "RGB"]} | {
    "WEBP": ["RGB", "RGBA"],
    "AVIF": ["RGB", "RGBA"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA"],
}
FILES = [(name, mode) for name, modes in FORMATS.items() for mode in modes]


class DriftingEngine:
    """Repaints everything, kept pixels too, in drifted colors: what a generator does."""

    def load(self) -> Recipe:
        return Recipe(engine="drifting")

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        return paint_each(canvases, on_step, self._paint)

    def _paint(self, canvas: Canvas, _on_step: StepCallback) -> Painted:
        soft = cv2.GaussianBlur(canvas.image, (0, 0), 1).astype(np.float32)
        noise = np.random.default_rng(canvas.seed).standard_normal(canvas.mask.shape) * 20
        soft += np.where(canvas.mask > 0, noise, 0)[..., None] + np.float32(7)
        drifted = soft.clip(0, 255).astype(np.uint8)
        return Painted(match_rim(canvas.image, drifted, canvas.mask))


@pytest.fixture(scope="module")
def engines() -> EngineRegistry:
    weight_free = build_engines(WorkerSettings(), Catalogue())
    assert isinstance(weight_free, QueueEngines)
    by_key: dict[tuple[str, str, str | None], Engine] = dict(weight_free.by_key)
    for operation in ("inpaint", "outpaint"):
        by_key[operation, "generate", "drifting"] = DriftingEngine()
    return QueueEngines(by_key)


@pytest.fixture(scope="module")
def blobs() -> BlobStore:
    return BlobStore.open("memory://")


def make_file(
    name: str, mode: str, width: int, height: int, seed: int, orientation: int = 1
) -> bytes:
    """Return a file whose picture has this size once upright.

    `PA` stands for a palette with a transparent entry.
    """
    size = (width, height) if orientation < 5 else (height, width)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if mode == "PA":
        image = make_image("RGB", *size, seed).quantize(32)
        return encode(image, "PNG", transparency=3, exif=exif)
    options: dict[str, object] = {} if name in ("PNG", "TIFF") else {"quality": 90}
    if name == "WEBP" and seed % 2:
        options = {"lossless": True, "exact": True}
    return encode(make_image(mode, *size, seed), name, exif=exif, **options)


def draw_mask(kind: str, width: int, height: int, seed: int) -> MaskArray:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    x, y = (int(rng.integers(4, side - 20)) for side in (width, height))
    if kind == "box":
        mask[y : y + 14, x : x + 16] = 255
    elif kind == "line":
        cv2.line(mask, (x, y), (width - x, height - y), 255, 1)
        mask[y, x] = 255
    elif kind == "speckles":
        mask[rng.random((height, width)) < 0.02] = 255
        mask[y, x] = 255
    elif kind == "frame":
        mask[:] = 255
        mask[9 : height - 5, 7 : width - 6] = 0
    elif kind == "islands":
        mask[5 : height - 8, 6 : width - 6] = 255
        mask[y : y + 3, x : x + 3] = 0
        mask[height // 2, width // 2] = 0
    elif kind == "borders":
        mask[:6, x : x + 20] = mask[-5:, :9] = mask[y : y + 12, :4] = mask[y : y + 9, -7:] = 255
    return mask


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decode by Pillow alone to RGBA (H, W, 4), upright."""
    return np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGBA"))


def run(claimed: ClaimedJob, blobs: BlobStore, engines: EngineRegistry) -> Output:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=LIMIT)
    assert not report.failures
    [output] = report.done_jobs[claimed.job_id].outputs
    return output


def effective_mask(claimed: ClaimedJob, blobs: BlobStore) -> bytes:
    return blobs.get(f"jobs/{claimed.job_id}/{claimed.token}/mask.png")


def check(output: Output, found: Comparison, kept: NDArray[np.bool_], *pictures: Any) -> None:
    """Proof, verifier and a comparison of our own must agree that nothing kept has changed."""
    before, after = pictures
    assert np.array_equal(before[kept], after[kept])
    assert output.proof.kept_pixels_changed == output.proof.max_difference == 0
    assert output.proof.kept_pixels == found.kept_pixels == int(kept.sum())
    assert found.kept_pixels_changed == 0
    assert found.changed_box is None


OUTPUTS = st.sampled_from([{}, {}, {"output_format": "webp", "output_lossless": True}])


@dataclass(frozen=True)
class InpaintCase:
    file: tuple[str, str]
    orientation: int
    size: tuple[int, int]
    mask: str
    method: str
    seed: int
    grow: int
    feather: int
    output: dict[str, Any]


SIZES = st.tuples(st.integers(64, 96), st.integers(64, 96))
INPAINTS = st.builds(
    InpaintCase,
    file=st.sampled_from(FILES),
    orientation=st.sampled_from([1, 1, 1, 2, 3, 4, 5, 6, 7, 8]),
    size=SIZES,
    mask=st.sampled_from(["box", "line", "speckles", "frame", "islands", "borders"]),
    method=st.sampled_from(["patch", "generate"]),
    seed=st.integers(0, 10_000),
    grow=st.sampled_from([0, 0, 0, 1, 3]),
    feather=st.sampled_from([0, 0, 1, 5, 40]),
    output=OUTPUTS,
)


@pytest.mark.slow
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=INPAINTS)
def test_inpaint_keeps_every_pixel(
    case: InpaintCase, blobs: BlobStore, engines: EngineRegistry
) -> None:
    data = make_file(*case.file, *case.size, case.seed, case.orientation)
    params = InpaintParams(
        seed=case.seed, quality="fast", grow=case.grow, feather=case.feather, **case.output
    )
    model = "drifting" if case.method == "generate" else None
    mask = encode(draw_mask(case.mask, *case.size, case.seed))
    claimed = inpaint_job(blobs, data, mask, params, case.method, model)
    output = run(claimed, blobs, engines)
    result, hole = blobs.get(output.path), effective_mask(claimed, blobs)
    kept = np.asarray(Image.open(BytesIO(hole))) == 0
    check(output, compare_inpainted(data, result, hole), kept, decode(data), decode(result))


@dataclass(frozen=True)
class OutpaintCase:
    file: tuple[str, str]
    orientation: int
    size: tuple[int, int]
    margins: tuple[int, int, int, int]
    method: str
    overlap: int
    seed: int
    output: dict[str, Any]

    @property
    def geometry(self) -> Geometry:
        left, top, right, bottom = self.margins
        margins = Margins(left=left, top=top, right=right, bottom=bottom)
        return plan_margins(*self.size, margins)


SIDE = st.sampled_from([0, 0, 1, 7, 20, 33])
OUTPAINTS = st.builds(
    OutpaintCase,
    file=st.sampled_from(FILES),
    orientation=st.sampled_from([1, 1, 1, 2, 3, 4, 5, 6, 7, 8]),
    size=SIZES,
    margins=st.tuples(SIDE, SIDE, SIDE, SIDE).filter(any),
    method=st.sampled_from(["mirror", "mirror", "pattern", "generate", "generate"]),
    overlap=st.sampled_from([0, 0, 1, 9, 20]),
    seed=st.integers(0, 10_000),
    output=OUTPUTS,
)


@pytest.mark.slow
@settings(
    max_examples=220,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=OUTPAINTS)
def test_outpaint_keeps_every_pixel(
    case: OutpaintCase, blobs: BlobStore, engines: EngineRegistry
) -> None:
    data = make_file(*case.file, *case.size, case.seed, case.orientation)
    overlap = 0 if case.method == "mirror" else case.overlap
    style = {"mirror_style": "exact" if case.seed % 4 else "guided"}
    params = OutpaintParams(
        seed=case.seed,
        quality="fast",
        overlap=overlap,
        **(style if case.method == "mirror" else {}),
        **case.output,
    )
    model = "drifting" if case.method == "generate" else None
    claimed = outpaint_job(blobs, data, case.geometry, params, case.method, model)
    output = run(claimed, blobs, engines)
    result, (left, top, right, bottom) = blobs.get(output.path), case.margins
    found = compare_outpainted(data, result, Placement(left, top, overlap))
    kept = np.ones(case.size[::-1], bool)
    kept[: overlap * bool(top)] = kept[:, : overlap * bool(left)] = False
    kept[kept.shape[0] - overlap * bool(bottom) :] = False
    kept[:, kept.shape[1] - overlap * bool(right) :] = False
    box = case.geometry.original
    part = decode(result)[box.top : box.bottom, box.left : box.right]
    check(output, found, kept, decode(data), part)
    assert output.proof.band_pixels == found.band_pixels == int((~kept).sum())
    assert (output.width, output.height) == (case.geometry.width, case.geometry.height)


LOSSY = [("jpeg", {}), ("webp", {"output_quality": 60}), ("png", {}), ("avif", {})]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(("output_format", "more"), LOSSY)
def test_the_verifier_finds_what_the_proof_says(
    blobs: BlobStore,
    engines: EngineRegistry,
    output_format: str,
    more: dict[str, Any],
    mode: str,
) -> None:
    if output_format == "avif" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")
    data = make_file("PNG", mode, 80, 70, 2)
    asked = {"seed": 0, "quality": "fast", "output_format": output_format, **more}
    params = InpaintParams.model_validate(asked)
    claimed = inpaint_job(blobs, data, encode(draw_mask("box", 80, 70, 2)), params)
    output = run(claimed, blobs, engines)
    files = {
        "image": data,
        "mask": effective_mask(claimed, blobs),
        "output": blobs.get(output.path),
    }
    found = compare_inpainted(files["image"], files["output"], files["mask"])
    measured = measure_mask(decode_mask(files["mask"], LIMIT))
    job = {
        "operation": "inpaint",
        "params": {},
        "mask": {"effective": measured.model_dump(mode="json")},
        "outputs": [output.model_dump(mode="json")],
    }
    assert not find_contradictions(read_job_document(json.dumps(job).encode()), found, files)
    assert (found.kept_pixels_changed == 0) == (output_format == "png")


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp", "avif"])
def test_the_verifier_notes_no_other_colors_where_the_profile_came_back(
    blobs: BlobStore, engines: EngineRegistry, output_format: str
) -> None:
    if output_format == "avif" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")
    data = encode(make_image("RGB", 80, 70), icc_profile=make_profile())
    mask = encode(draw_mask("box", 80, 70, 2))
    asked = {"seed": 0, "quality": "fast", "output_format": output_format}
    claimed = inpaint_job(blobs, data, mask, InpaintParams.model_validate(asked))
    output = run(claimed, blobs, engines)
    assert not compare_inpainted(data, blobs.get(output.path), mask).notes


def test_the_verifier_finds_what_the_proof_of_an_overlap_says(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    geometry = plan_margins(80, 70, Margins(left=9, top=0, right=0, bottom=21))
    data = make_file("JPEG", "RGB", 80, 70, 2, orientation=6)
    claimed = outpaint_job(blobs, data, geometry, OutpaintParams(seed=0, overlap=5), "pattern")
    output = run(claimed, blobs, engines)
    job = {
        "operation": "outpaint",
        "params": {"overlap": 5},
        "geometry": geometry.model_dump(mode="json"),
        "outputs": [output.model_dump(mode="json")],
    }
    document = read_job_document(json.dumps(job).encode())
    files = {"image": data, "mask": None, "output": blobs.get(output.path)}
    found = compare_outpainted(data, blobs.get(output.path), document.placement())
    assert found.kept_pixels_changed == 0
    assert not find_contradictions(document, found, files)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_chain_of_jobs_never_touches_what_none_of_them_painted(
    blobs: BlobStore, engines: EngineRegistry, mode: str
) -> None:
    width, height = 96, 80
    first = data = make_file("PNG", mode, width, height, 1)
    painted = np.zeros((height, width), bool)
    for step in range(20):
        x, y = 3 + 17 * step % 80, 2 + 11 * step % 60
        mask = make_box_mask(width, height, (x, y, x + 9, y + 12))
        method, model = ("generate", "drifting") if step % 3 == 0 else ("patch", None)
        params = InpaintParams(seed=step, quality="fast", feather=step % 4)
        claimed = inpaint_job(blobs, data, encode(mask), params, method, model)
        data = blobs.get(run(claimed, blobs, engines).path)
        painted |= mask > 0
    before, after = decode(first), decode(data)
    assert not painted.all()
    assert np.array_equal(before[~painted], after[~painted])
    assert not np.array_equal(before[painted], after[painted])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_tiny_hole_in_a_large_picture_takes_little_memory(tmp_path: Path, mode: str) -> None:
    image = make_rgb("texture", 500, 500, seed=1)
    large = np.tile(image, (8, 8, 1))
    if mode == "RGBA":
        alpha = np.tile(make_alpha(500, 500), (8, 8))
        large = np.dstack((large, alpha))
    (tmp_path / "image.png").write_bytes(encode(large, compress_level=1))
    mask = make_box_mask(4000, 4000, (1950, 2000, 2050, 2100))
    (tmp_path / "mask.png").write_bytes(encode(mask, compress_level=1))
    # A process of its own: a peak is never forgotten, and that of other tests is no matter here.
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.peak_memory", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["kept_pixels"] == 16_000_000 - 10_000
    assert measured["kept_pixels_changed"] == 0
    assert measured["extra_mebibytes"] <= 350


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 2), (16, 16), (2, 300), (1000, 1)])
@pytest.mark.parametrize("mode", ["RGB", "LA"])
def test_icons_and_strips_are_painted(
    blobs: BlobStore, engines: EngineRegistry, size: tuple[int, int], mode: str
) -> None:
    data = make_file("PNG", mode, *size, 3)
    margins = Margins(left=3, top=0, right=0, bottom=2)
    geometry = plan_margins(*size, margins)
    for method in ("mirror", "pattern"):
        params = OutpaintParams(seed=0, quality="fast")
        output = run(outpaint_job(blobs, data, geometry, params, method), blobs, engines)
        result = decode(blobs.get(output.path))
        assert np.array_equal(result[: size[1], 3:], decode(data))
    if size == (1, 1):
        return
    mask = np.zeros(size[::-1], np.uint8)
    mask.flat[mask.size // 2] = 255
    hole = InpaintParams(seed=0, quality="fast")
    output = run(inpaint_job(blobs, data, encode(mask), hole), blobs, engines)
    assert np.array_equal(decode(blobs.get(output.path))[mask == 0], decode(data)[mask == 0])


@pytest.mark.parametrize("has_profile", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_kept_pixels_of_cmyk_are_those_of_the_converted_picture(
    blobs: BlobStore, engines: EngineRegistry, kind: str, has_profile: bool
) -> None:
    image = make_image("CMYK", 70, 50)
    options = {"icc_profile": make_cmyk_profile()} if has_profile else {}
    data = encode(image, kind, **options)
    params = OutpaintParams(seed=0, quality="fast", convert="srgb")
    geometry = plan_margins(70, 50, Margins(left=3, top=0, right=0, bottom=2))
    output = run(outpaint_job(blobs, data, geometry, params, "mirror"), blobs, engines)
    result = blobs.get(output.path)
    is_like_plain = np.array_equal(decode(result)[:50, 3:], decode(data))
    assert is_like_plain != has_profile
    found = compare_outpainted(data, result, Placement(3, 0, 0))
    assert (found.kept_pixels, found.kept_pixels_changed, found.notes) == (3500, 0, ())


def speckles(width: int, height: int) -> MaskArray:
    mask = np.zeros((height, width), np.uint8)
    spots = np.random.default_rng(3).permutation((width // 4) * (height // 4))[:200]
    for spot in spots:
        row, column = divmod(int(spot), width // 4)
        mask[row * 4 : row * 4 + 2, column * 4 : column * 4 + 2] = 255
    return mask


def frame(width: int, height: int) -> MaskArray:
    mask = np.full((height, width), 255, np.uint8)
    mask[20 : height - 20, 20 : width - 20] = 0
    return mask


def hole_with_islands(width: int, height: int) -> MaskArray:
    mask = make_box_mask(width, height, (30, 30, width - 30, height - 30))
    mask[50:60, 50:60] = mask[80:83, 90:100] = 0
    return mask


def one_pixel_line(width: int, height: int) -> MaskArray:
    mask = np.zeros((height, width), np.uint8)
    cv2.line(mask, (0, 3), (width - 1, height - 7), 255, 1)
    return mask


def holes_at_all_borders(width: int, height: int) -> MaskArray:
    mask = np.zeros((height, width), np.uint8)
    mask[:12, 40:90] = mask[-9:, 30:60] = mask[50:90, :14] = mask[70:99, -11:] = 255
    mask[:20, :20] = 255
    return mask


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw", [speckles, frame, hole_with_islands, one_pixel_line, holes_at_all_borders]
)
@pytest.mark.parametrize("method", ["patch", "generate"])
def test_holes_of_every_shape_are_painted_and_nothing_else(
    blobs: BlobStore, engines: EngineRegistry, method: str, draw: Callable[[int, int], MaskArray]
) -> None:
    mask = draw(160, 140)
    data = encode(make_rgb("texture", 160, 140, seed=5))
    broken = decode(data)[..., :3].copy()
    broken[mask > 0] = (255, 0, 255)
    data = encode(broken)
    model = "drifting" if method == "generate" else None
    params = InpaintParams(seed=0, quality="fast")
    output = run(inpaint_job(blobs, data, encode(mask), params, method, model), blobs, engines)
    before, after = decode(data), decode(blobs.get(output.path))
    assert np.array_equal(before[mask == 0], after[mask == 0])
    if method == "patch":
        assert np.all(after[mask > 0] == (255, 0, 255, 255), axis=1).mean() < 0.01
