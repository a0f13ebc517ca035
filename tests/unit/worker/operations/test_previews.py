from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from service.contract.params import InpaintParams
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_box_mask, make_image, make_rgb
from tests.unit.worker.operations.recording import RecordingReporter, ShowingEngine, inpaint_job
from worker.engines.registry import QueueEngines
from worker.imaging import ImageArray
from worker.operations.inpaint import prepare_inpaint
from worker.operations.paint import paint
from worker.operations.preparation import Prepared
from worker.operations.previews import MIN_GAP_SECONDS, Previews, encode_preview
from worker.reporting import ClaimedJob

LIMIT = 1_000_000
MASK = make_box_mask(70, 50, (20, 10, 40, 30))
PREVIEW = make_rgb("texture", 64, 48)


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def job_of(blobs: BlobStore, num_images: int = 1) -> ClaimedJob:
    params = InpaintParams(seed=0, num_images=num_images)
    return inpaint_job(blobs, encode(make_image("RGB", 70, 50)), encode(MASK), params)


def prepare(
    jobs: Sequence[ClaimedJob], blobs: BlobStore, report: RecordingReporter
) -> list[Prepared]:
    return [
        prepare_inpaint(claimed, blobs, report, LIMIT, QueueEngines({}).get_finder)
        for claimed in jobs
    ]


def make() -> Mapping[int, ImageArray]:
    return {0: PREVIEW}


@pytest.fixture
def report() -> RecordingReporter:
    return RecordingReporter()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_previews_come_at_most_once_a_second(
    blobs: BlobStore, report: RecordingReporter, clock: Clock
) -> None:
    previews = Previews(prepare([job_of(blobs)], blobs, report), report, clock)
    for step in range(41):
        previews.note_step(step, 1000)
        previews.take(make)
        clock.now += 0.125
    assert len(report.previews) == 5


def test_previews_that_take_long_come_rarely(
    blobs: BlobStore, report: RecordingReporter, clock: Clock
) -> None:
    def make_slowly() -> Mapping[int, ImageArray]:
        clock.now += 0.5
        return make()

    previews = Previews(prepare([job_of(blobs)], blobs, report), report, clock)
    while clock.now < 200:
        previews.take(make_slowly)
        clock.now += 0.1
    assert 0.5 * len(report.previews) <= 0.02 * 200 + 0.5


def test_last_step_is_not_shown(blobs: BlobStore, report: RecordingReporter, clock: Clock) -> None:
    previews = Previews(prepare([job_of(blobs)], blobs, report), report, clock)
    clock.now = 2 * MIN_GAP_SECONDS
    previews.note_step(8, 8)
    previews.take(make)
    assert not report.previews


def test_each_job_is_shown_by_its_first_picture_in_work_unless_it_is_aborted(
    blobs: BlobStore, report: RecordingReporter, clock: Clock
) -> None:
    jobs = [job_of(blobs, num_images) for num_images in (2, 1, 3)]
    previews = Previews(prepare(jobs, blobs, report), report, clock)
    report.aborted.add(jobs[1].job_id)
    clock.now = MIN_GAP_SECONDS
    previews.take(lambda: {index: np.full_like(PREVIEW, 40 * index) for index in (4, 2, 1, 5)})
    shown = {job_id: brightness_of(jpeg) for job_id, jpeg in report.previews}
    assert shown == {jobs[0].job_id: 40, jobs[2].job_id: 160}


def brightness_of(jpeg: bytes) -> int:
    return int(np.asarray(Image.open(BytesIO(jpeg))).mean())


def test_preview_that_fails_is_told_once_and_not_tried_again(
    blobs: BlobStore, report: RecordingReporter, clock: Clock
) -> None:
    def make_none() -> Mapping[int, ImageArray]:
        raise ValueError("a red door")

    previews = Previews(prepare([job_of(blobs)], blobs, report), report, clock)
    with capture_logs() as logs:
        for _ in range(5):
            clock.now += MIN_GAP_SECONDS
            previews.take(make_none)
    assert [entry["error"] for entry in logs] == ["ValueError"]
    assert "red door" not in str(logs)
    assert not report.previews


@pytest.mark.parametrize(
    ("given", "wanted"), [((64, 48), (64, 48)), ((1024, 512), (256, 128)), ((1, 900), (1, 256))]
)
def test_encode_preview_gives_a_small_jpeg(given: tuple[int, int], wanted: tuple[int, int]) -> None:
    image = np.full((given[1], given[0], 3), (200, 30, 90), np.uint8)
    found = Image.open(BytesIO(encode_preview(image)))
    assert (found.format, found.size) == ("JPEG", wanted)
    assert np.abs(np.asarray(found).astype(int) - (200, 30, 90)).max() <= 4


@pytest.mark.parametrize("fails", [False, True])
def test_paint_reports_what_an_engine_shows(
    blobs: BlobStore, report: RecordingReporter, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr("worker.operations.previews.MIN_GAP_SECONDS", 0.0)
    engines: Any = QueueEngines({("inpaint", "patch", None): ShowingEngine(PREVIEW, fails=fails)})
    claimed = job_of(blobs)
    paint([claimed], blobs, engines, report, max_image_pixels=LIMIT)
    assert list(report.done_jobs) == [claimed.job_id]
    assert [job_id for job_id, _ in report.previews] == [] if fails else [claimed.job_id]
