from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from service.contract.geometry import Geometry, Margins, plan_margins
from service.contract.jobs import Recipe
from service.contract.params import InpaintParams, OutpaintParams
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_box_mask, make_rgb
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job, outpaint_job
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import QueueEngines
from worker.imaging import ImageArray, MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import Picture, to_uint8
from worker.operations.paint import paint
from worker.reporting import ClaimedJob

LIMIT = 1_000_000
MAGENTA = (255, 0, 255)


def run(
    claimed: ClaimedJob, blobs: BlobStore, engines: EngineRegistry
) -> tuple[Picture, list[str]]:
    [done] = report_of(claimed, blobs, engines).done_jobs.values()
    [output] = done.outputs
    assert output.proof.kept_pixels_changed == 0
    result = decode_picture(blobs.get(output.path), LIMIT)
    return result, [warning.code for warning in done.warnings]


def report_of(claimed: ClaimedJob, blobs: BlobStore, engines: EngineRegistry) -> RecordingReporter:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=LIMIT)
    assert not report.failures
    return report


def find_details(report: RecordingReporter, code: str) -> list[str]:
    [done] = report.done_jobs.values()
    return [warning.detail for warning in done.warnings if warning.code == code]


def make_cutout(seed: int, *, softness: float = 1.0, side: int = 140) -> ImageArray:
    """Return a textured disk amid transparency over magenta, which nobody may see."""
    color = make_rgb("texture", side, side, seed)
    # Green on the whole, and the hidden color is all but green.
    color = color // 3 + np.array((0, 100, 0), np.uint8)
    shape = np.zeros((side, side), np.float32)
    cv2.circle(shape, (side // 2, side // 2), side * 3 // 10, 1, -1)
    alpha = np.rint(cv2.GaussianBlur(shape, (0, 0), softness) * 255).astype(np.uint8)
    picture = np.dstack((color, alpha))
    picture[alpha == 0] = (*MAGENTA, 0)
    return picture


def encode_mode(picture: ImageArray, mode: str) -> bytes:
    return encode(Image.fromarray(picture).convert(mode))


def is_magenta(picture: Picture) -> NDArray[np.bool_]:
    """Return where a trace of the hidden color can be seen."""
    assert picture.alpha is not None
    color, alpha = picture.rgb().astype(int), picture.alpha
    seen = np.minimum(color[..., 0], color[..., 2]) - color[..., 1]
    return np.asarray((seen > 40) & (alpha > 40))


def margins_of(**sides: int) -> Margins:
    return Margins(**({"left": 0, "top": 0, "right": 0, "bottom": 0} | sides))


def outside(geometry: Geometry) -> NDArray[np.bool_]:
    box, area = geometry.original, np.ones((geometry.height, geometry.width), np.bool_)
    area[box.top : box.bottom, box.left : box.right] = False
    return area


def make_icon(side: int, gap: float) -> Image.Image:
    """Return a rounded box that ends so many pixels before the border, as drawing programs scale
    it: with a rim that is half transparent, and faint rings around."""
    large = Image.new("RGBA", (side * 8, side * 8))
    corners = (gap * 8, gap * 8, side * 8 - 1 - gap * 8, side * 8 - 1 - gap * 8)
    ImageDraw.Draw(large).rounded_rectangle(corners, side, fill=(40, 90, 200, 255))
    return large.resize((side, side), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("method", ["pattern", "mirror"])
@pytest.mark.parametrize(("side", "gap"), [(16, 0.9), (32, 1), (64, 2), (64, 3)])
def test_paint_extends_an_icon_transparently_whose_border_is_narrow(
    blobs: BlobStore, engines: EngineRegistry, method: str, side: int, gap: float
) -> None:
    geometry = plan_margins(side, side, Margins(left=9, top=9, right=9, bottom=9))
    icon = encode(make_icon(side, gap))
    claimed = outpaint_job(blobs, icon, geometry, OutpaintParams(seed=0), method=method)
    result, codes = run(claimed, blobs, engines)
    assert result.alpha is not None
    assert not result.alpha[outside(geometry)].any()
    assert "frame_not_extended" not in codes


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(
    ("method", "params"),
    [("pattern", {}), ("mirror", {}), ("mirror", {"mirror_style": "exact"})],
)
@pytest.mark.parametrize("seed", range(4))
def test_paint_extends_a_sprite_transparently(
    blobs: BlobStore,
    engines: EngineRegistry,
    mode: str,
    method: str,
    params: dict[str, Any],
    seed: int,
) -> None:
    side = ("left", "top", "right", "bottom")[seed]
    # An exact reflection repeats the disk as soon as it reaches it.
    geometry = plan_margins(140, 140, margins_of(**{side: 20 if params else 60}))
    asked = OutpaintParams.model_validate({"seed": seed, **params})
    data = encode_mode(make_cutout(seed), mode)
    claimed = outpaint_job(blobs, data, geometry, asked, method=method)
    result, _ = run(claimed, blobs, engines)
    assert result.alpha is not None
    assert not result.alpha[outside(geometry)].any()
    assert not result.color[outside(geometry)].any()


@pytest.mark.parametrize("method", ["pattern", "mirror"])
@pytest.mark.parametrize("seed", range(3))
def test_paint_continues_a_cutout_only_where_it_reaches_the_border(
    blobs: BlobStore, engines: EngineRegistry, method: str, seed: int
) -> None:
    half = make_cutout(seed)[:70]
    geometry = plan_margins(140, 70, margins_of(bottom=40, left=30))
    claimed = outpaint_job(blobs, encode(half), geometry, OutpaintParams(seed=seed), method=method)
    result, _ = run(claimed, blobs, engines)
    assert result.alpha is not None
    assert not is_magenta(result)[outside(geometry)].any()
    # To the left nothing reaches the border; below, the disk does, from column 30 + 28 on.
    assert not result.alpha[:70, :30].any()
    assert (result.alpha[70:76, 80:120] == 255).mean() > 0.95
    assert not result.alpha[70:, :20].any()


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
@pytest.mark.parametrize("seed", range(3))
def test_paint_never_shows_or_copies_hidden_colors(
    blobs: BlobStore, engines: EngineRegistry, quality: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    picture = make_cutout(seed, softness=float(rng.uniform(0.3, 4)))
    left, top = (int(place) for place in rng.integers(20, 80, 2))
    mask = make_box_mask(140, 140, (left, top, left + 40, top + 40))
    picture[mask > 0] = (*MAGENTA, 255)
    asked = InpaintParams.model_validate({"seed": seed, "quality": quality})
    result, _ = run(inpaint_job(blobs, encode(picture), encode(mask), asked), blobs, engines)
    assert not is_magenta(result)[mask > 0].any()
    assert not result.color[(mask > 0) & (result.alpha == 0)].any()


@pytest.mark.parametrize("softness", [0.8, 3, 6])
@pytest.mark.parametrize("seed", range(2))
def test_paint_continues_the_rim_of_a_cutout(
    blobs: BlobStore, engines: EngineRegistry, softness: float, seed: int
) -> None:
    truth = make_cutout(seed, softness=softness)
    mask = np.zeros((140, 140), np.uint8)
    cv2.circle(mask, (112, 70), 14, 255, -1)
    picture = truth.copy()
    picture[mask > 0] = (*MAGENTA, 255)
    claimed = inpaint_job(blobs, encode(picture), encode(mask), InpaintParams(seed=seed))
    result, _ = run(claimed, blobs, engines)
    assert result.alpha is not None
    painted, wanted = (one[mask > 0].astype(int) for one in (result.alpha, truth[..., 3]))
    assert np.abs(painted - wanted).mean() < 20
    # As many half transparent pixels as there were: neither a hard edge nor a haze.
    soft, expected = ((one > 0) & (one < 255) for one in (painted, wanted))
    assert 0.4 * expected.sum() < soft.sum() < 2 * expected.sum()


@pytest.mark.parametrize("operation", ["inpaint", "outpaint"])
def test_paint_makes_no_difference_between_opaque_alpha_and_none(
    blobs: BlobStore, engines: EngineRegistry, operation: str
) -> None:
    color = make_rgb("texture", 140, 120, 4)
    opaque = np.dstack((color, np.full((120, 140), 255, np.uint8)))
    mask = make_box_mask(140, 120, (40, 30, 80, 70))
    results = []
    for picture in (color, opaque):
        if operation == "inpaint":
            claimed = inpaint_job(blobs, encode(picture), encode(mask))
        else:
            geometry = plan_margins(140, 120, margins_of(right=30))
            claimed = outpaint_job(blobs, encode(picture), geometry, method="pattern")
        results.append(run(claimed, blobs, engines)[0])
    assert np.array_equal(results[0].color, results[1].color)
    assert results[1].alpha is not None
    assert (results[1].alpha == 255).all()


@pytest.mark.parametrize("seed", range(2))
def test_paint_fills_an_opaque_part_of_a_cutout_as_if_there_were_no_alpha(
    blobs: BlobStore, engines: EngineRegistry, seed: int
) -> None:
    picture = np.dstack((make_rgb("texture", 400, 300, seed), np.full((300, 400), 255, np.uint8)))
    mask = make_box_mask(400, 300, (40, 40, 60, 60))
    plain, _ = run(inpaint_job(blobs, encode(picture[..., :3]), encode(mask)), blobs, engines)
    picture[:, 390:] = (*MAGENTA, 0)
    result, _ = run(inpaint_job(blobs, encode(picture), encode(mask)), blobs, engines)
    assert np.array_equal(result.color[mask > 0], plain.color[mask > 0])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_paint_fades_into_transparency_with_feather(
    blobs: BlobStore, engines: EngineRegistry, mode: str
) -> None:
    picture = make_cutout(1)
    picture[20:60, 60:80] = (0, 200, 0, 255)
    mask: MaskArray = make_box_mask(140, 140, (50, 5, 90, 40))
    params = InpaintParams(seed=0, feather=6)
    claimed = inpaint_job(blobs, encode_mode(picture, mode), encode(mask), params)
    result, _ = run(claimed, blobs, engines)
    assert result.alpha is not None
    assert not is_magenta(result)[mask > 0].any()
    assert result.alpha[8, 53] == 0


def test_paint_paints_opaque_where_transparency_is_the_mask(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    picture = make_cutout(2, softness=2)
    alpha = picture[..., 3]
    params = InpaintParams(seed=0, mask_source="alpha")
    claimed = inpaint_job(blobs, encode(picture), encode(to_uint8(255 - alpha)), params)
    result, warnings = run(claimed, blobs, engines)
    assert "alpha_rim_kept" in warnings
    assert result.alpha is not None
    assert (result.alpha[alpha < 128] == 255).all()
    assert np.array_equal(result.alpha[alpha >= 128], alpha[alpha >= 128])
    assert not is_magenta(result)[alpha < 128].any()


@pytest.mark.parametrize("polarity", ["white_repaints", "black_repaints"])
@pytest.mark.parametrize("threshold", [1, 60, 128, 255])
@pytest.mark.parametrize("seed", range(3))
def test_paint_names_the_threshold_that_takes_the_whole_rim(
    blobs: BlobStore, engines: EngineRegistry, polarity: str, threshold: int, seed: int
) -> None:
    picture = make_cutout(seed, softness=3)
    soft = (picture[..., 3] > 0) & (picture[..., 3] < 255)
    mask = encode(to_uint8(255 - picture[..., 3]))
    asked = {"seed": 0, "quality": "fast", "mask_source": "alpha", "mask_polarity": polarity}
    params = InpaintParams.model_validate({**asked, "mask_threshold": threshold})
    report = report_of(inpaint_job(blobs, encode(picture), mask, params), blobs, engines)
    [detail] = find_details(report, "alpha_rim_kept") or [""]
    effective = decode_picture(blobs.get(next(iter(report.masks.values()))[1]), LIMIT).color
    kept = np.count_nonzero(soft & (effective == 0))
    assert detail.split(" ", 1)[0] == (str(kept) if kept else "")
    if kept:
        named = int(re.findall(r"mask_threshold: (\d+)", detail)[0])
        params = InpaintParams.model_validate({**asked, "mask_threshold": named})
        report = report_of(inpaint_job(blobs, encode(picture), mask, params), blobs, engines)
        assert not find_details(report, "alpha_rim_kept")


@pytest.mark.parametrize(("grow", "is_told"), [(0, True), (1, True), (8, False), (-3, True)])
def test_paint_tells_how_many_gray_pixels_of_a_mask_are_kept(
    blobs: BlobStore, engines: EngineRegistry, grow: int, is_told: bool
) -> None:
    mask = cv2.GaussianBlur(make_box_mask(140, 120, (40, 30, 80, 70)), (0, 0), 1.5)
    picture = encode(make_rgb("texture", 140, 120))
    params = InpaintParams(seed=0, quality="fast", grow=grow)
    report = report_of(inpaint_job(blobs, picture, encode(to_uint8(mask)), params), blobs, engines)
    details = find_details(report, "soft_mask_edge_kept")
    assert bool(details) is is_told
    if is_told:
        effective = decode_picture(blobs.get(next(iter(report.masks.values()))[1]), LIMIT).color
        gray = (to_uint8(mask) > 0) & (to_uint8(mask) < 128)
        kept = np.count_nonzero(gray & (effective == 0))
        assert details[0].startswith(f"{kept} gray pixels")
        assert f"mask_threshold: {mask[mask > 0].min()} " in details[0]


def test_paint_advises_another_file_where_gray_pixels_come_from_a_jpeg(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    mask = encode(make_box_mask(140, 120, (41, 33, 83, 74)), "JPEG", quality=60)
    picture = encode(make_rgb("texture", 140, 120))
    claimed = inpaint_job(blobs, picture, mask, InpaintParams(seed=0, quality="fast"))
    [detail] = find_details(report_of(claimed, blobs, engines), "soft_mask_edge_kept")
    assert "mask_threshold:" not in detail
    assert "PNG" in detail


class WhiteEngine:
    """Paints all white and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Canvas] = []

    def load(self) -> Recipe:
        return Recipe(engine="white")

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        self.shown += canvases
        return [Painted(np.full_like(canvas.image, 255)) for canvas in canvases]


@pytest.mark.parametrize(
    ("box", "is_told"), [((60, 60, 80, 80), False), ((60, 10, 80, 60), True), ((2, 2, 9, 9), True)]
)
def test_paint_shows_a_model_the_picture_on_white_and_warns(
    blobs: BlobStore, box: tuple[int, int, int, int], is_told: bool
) -> None:
    engine = WhiteEngine()
    engines = QueueEngines({("inpaint", "generate", "white"): engine})
    picture, mask = make_cutout(0), make_box_mask(140, 140, box)
    claimed = inpaint_job(blobs, encode(picture), encode(mask), method="generate", model="white")
    result, warnings = run(claimed, blobs, engines)
    assert ("painted_opaque" in warnings) is is_told
    assert result.alpha is not None
    assert (result.alpha[mask > 0] == 255).all()
    [canvas] = engine.shown
    assert canvas.image.shape == (140, 140, 3)
    assert (canvas.image[picture[..., 3] == 0] == 255).all()


@pytest.mark.parametrize("is_told", [True, False])
def test_paint_warns_where_a_model_extends_transparency(blobs: BlobStore, is_told: bool) -> None:
    engine = WhiteEngine()
    engines = QueueEngines({("outpaint", "generate", "white"): engine})
    picture = make_cutout(0)[:70]
    if not is_told:
        picture[60:] = (0, 90, 0, 255)
    geometry = plan_margins(140, 70, margins_of(bottom=30))
    claimed = outpaint_job(blobs, encode(picture), geometry, method="generate", model="white")
    result, warnings = run(claimed, blobs, engines)
    assert ("painted_opaque" in warnings) is is_told
    assert result.alpha is not None
    assert (result.alpha[70:] == 255).all()
    assert not ((engine.shown[0].image == MAGENTA).all(axis=2)).any()


@pytest.mark.parametrize("seed", range(6))
def test_paint_leaves_no_haze_in_a_hard_cutout(
    blobs: BlobStore, engines: EngineRegistry, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    picture = make_cutout(seed)
    picture[..., 3] = 0
    picture[30:100, 30:110, 3] = 255
    picture[picture[..., 3] == 0] = (*MAGENTA, 0)
    mask = np.zeros((140, 140), np.uint8)
    center = int(rng.integers(95, 115)), int(rng.integers(30, 100))
    cv2.circle(mask, center, int(rng.integers(10, 24)), 255, -1)
    picture[mask > 0] = (*MAGENTA, 255)
    claimed = inpaint_job(blobs, encode(picture), encode(mask), InpaintParams(seed=seed))
    result, _ = run(claimed, blobs, engines)
    assert result.alpha is not None
    partial = ((result.alpha > 0) & (result.alpha < 255)).astype(np.uint8)
    # Nothing wider than an anti-aliased edge is half transparent.
    assert not np.asarray(cv2.erode(partial, np.ones((4, 4), np.uint8))).any()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_paint_reflects_alpha_exactly(blobs: BlobStore, engines: EngineRegistry, mode: str) -> None:
    picture = make_cutout(3, softness=2)[40:120, 40:120]
    geometry = plan_margins(80, 80, Margins(left=30, top=20, right=10, bottom=0))
    params = OutpaintParams(seed=0, mirror_style="exact")
    claimed = outpaint_job(blobs, encode_mode(picture, mode), geometry, params, method="mirror")
    result, _ = run(claimed, blobs, engines)
    wanted = np.pad(picture[..., 3], ((20, 0), (30, 10)), mode="reflect")
    assert result.alpha is not None
    assert np.array_equal(result.alpha, wanted)
    assert not result.color[outside(geometry) & (wanted == 0)].any()


def test_paint_clears_only_the_holes_that_lie_in_transparency(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    picture = make_cutout(0)
    mask = make_box_mask(140, 140, (4, 4, 20, 20)) | make_box_mask(140, 140, (60, 60, 80, 80))
    picture[mask > 0] = (*MAGENTA, 255)
    result, _ = run(inpaint_job(blobs, encode(picture), encode(mask)), blobs, engines)
    assert not result.channels()[4:20, 4:20].any()
    assert result.alpha is not None
    assert (result.alpha[60:80, 60:80] == 255).all()
    assert not is_magenta(result)[mask > 0].any()
