"""Pictures of 16 bits a channel: painted in 8, kept in 16."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.contract.geometry import Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from service.store.blobs import BlobStore
from service.verify.comparison import compare_inpainted
from tests.support.corpus import see_deep
from tests.support.files import make_png
from tests.support.pictures import encode, make_box_mask
from tests.unit.worker.operations.recording import (
    DoneReport,
    RecordingReporter,
    inpaint_job,
    outpaint_job,
)
from worker.engines.lookup import EngineRegistry
from worker.imaging import DeepArray
from worker.operations.paint import paint
from worker.reporting import ClaimedJob

MODES = {"L": 0, "LA": 4, "RGB": 2, "RGBA": 6}
BOX = (20, 10, 40, 30)
MASK = encode(make_box_mask(70, 50, BOX))
KEPT = make_box_mask(70, 50, BOX) == 0


def make_deep(mode: str, width: int = 70, height: int = 50) -> DeepArray:
    """Return a slope that 8 bits show as steps, (H, W, C); half transparent if it can be."""
    rows, columns = np.mgrid[0:height, 0:width]
    slope = 30_000 + rows * 17 + columns * 13
    channels = [slope + 1_000 * index for index in range(len(mode))]
    if mode.endswith("A"):
        channels[-1] = 20_001 + rows * 300
    return np.dstack(channels).astype(np.uint16)


def run(claimed: ClaimedJob, blobs: BlobStore, engines: EngineRegistry) -> tuple[bytes, DoneReport]:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=100_000)
    assert not report.failures
    done = report.done_jobs[claimed.job_id]
    assert done.outputs[0].proof.kept_pixels_changed == 0
    return blobs.get(done.outputs[0].path), done


@pytest.mark.parametrize("mode", MODES)
def test_kept_pixels_come_back_in_16_bits(
    mode: str, blobs: BlobStore, engines: EngineRegistry
) -> None:
    deep = make_deep(mode)
    job = inpaint_job(blobs, make_png(deep, MODES[mode], depth=16), MASK)
    result, done = run(job, blobs, engines)
    found = see_deep(result)
    assert found.dtype == np.uint16
    assert np.array_equal(found[KEPT], deep[KEPT])
    verified = compare_inpainted(make_png(deep, MODES[mode], depth=16), result, MASK)
    assert verified.kept_pixels_changed == 0
    # The fill goes on where the slope is, within what 8 bits and its own painting leave.
    assert np.abs(found[~KEPT].astype(int) - deep[~KEPT]).max() < 3_000
    assert len(np.unique(found[..., 0][~KEPT])) > 100
    assert "depth_reduced" not in [warning.code for warning in done.warnings]


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_an_outpainting_keeps_the_original_in_16_bits(
    mode: str, blobs: BlobStore, engines: EngineRegistry
) -> None:
    deep = make_deep(mode)
    geometry = plan_margins(70, 50, Margins(left=9, top=0, right=30, bottom=0))
    params = OutpaintParams(seed=0, overlap=6)
    data = make_png(deep, MODES[mode], depth=16)
    job = outpaint_job(blobs, data, geometry, params, method="mirror")
    found = see_deep(run(job, blobs, engines)[0])
    assert np.array_equal(found[:, 9 + 6 : 9 + 70 - 6], deep[:, 6:-6])
    band = found[:, 9:15].astype(int) - deep[:, :6]
    assert band.any()
    assert np.abs(band).max() < 3_000


def test_feathered_pixels_keep_their_share_of_16_bits(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    deep = make_deep("RGB")
    params = InpaintParams(seed=0, feather=8)
    job = inpaint_job(blobs, make_png(deep, 2, depth=16), MASK, params)
    found = see_deep(run(job, blobs, engines)[0])
    assert np.array_equal(found[KEPT], deep[KEPT])
    rim = np.abs(found[10, 20:40].astype(int) - deep[10, 20:40])
    assert 0 < rim.max() < 600


@pytest.mark.parametrize(("output_format", "lossless"), [("jpeg", None), ("webp", True)])
def test_a_format_of_8_bits_is_warned_of(
    output_format: Any, lossless: bool | None, blobs: BlobStore, engines: EngineRegistry
) -> None:
    params = InpaintParams(seed=0, output_format=output_format, output_lossless=lossless)
    job = inpaint_job(blobs, make_png(make_deep("RGB"), 2, depth=16), MASK, params)
    _, done = run_lossy(job, blobs, engines)
    assert "depth_reduced" in [warning.code for warning in done.warnings]


def run_lossy(
    claimed: ClaimedJob, blobs: BlobStore, engines: EngineRegistry
) -> tuple[bytes, DoneReport]:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=100_000)
    [done] = report.done_jobs.values()
    return blobs.get(done.outputs[0].path), done


def test_numbers_of_8_bits_in_16_get_no_noise(blobs: BlobStore, engines: EngineRegistry) -> None:
    flat = np.full((50, 70, 3), 200 * 257, np.uint16)
    job = inpaint_job(blobs, make_png(flat, 2, depth=16), MASK)
    assert np.array_equal(see_deep(run(job, blobs, engines)[0]), flat)


def test_the_same_seed_gives_the_same_file(blobs: BlobStore, engines: EngineRegistry) -> None:
    data = make_png(make_deep("RGB"), 2, depth=16)
    first, second = (run(inpaint_job(blobs, data, MASK), blobs, engines)[0] for _ in range(2))
    assert first == second
