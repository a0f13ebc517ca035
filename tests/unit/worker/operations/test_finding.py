"""Masks that finders find, through the operations, with the finder of colors."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.contract.finders import GRABCUT, TEXT_FINDER, FinderEntry
from service.contract.jobs import FinderChoice, StoredFile
from service.contract.names import input_path
from service.contract.params import InpaintParams, MaskParams
from service.contract.regions import Region
from service.pictures.region_drawing import draw_regions
from service.store.blobs import BlobStore
from tests.support.finders import ColorFinder
from tests.support.pictures import encode
from tests.unit.worker.operations.recording import DoneReport, RecordingReporter, inpaint_job
from worker.engines.patch import PatchEngine
from worker.engines.registry import QueueEngines
from worker.imaging.masks import grow_mask
from worker.operations.paint import paint
from worker.reporting import Aborted, ClaimedJob

LIMIT = 1_000_000
SIZE = (80, 60)
RED = [(5, 5, 15, 12), (30, 6, 44, 11)]
GREEN = (20, 30, 60, 50)
ENGINE = PatchEngine()
ENGINES = QueueEngines(
    {("inpaint", "patch", None): ENGINE},
    {
        name: ColorFinder(FinderEntry(name=name, family=entry.family))
        for name, entry in {
            "text": TEXT_FINDER,
            "grabcut": GRABCUT,
            "words": GRABCUT,
            "clicks": GRABCUT,
        }.items()
    },
)
NAMES = {"text": "text", "subject": "grabcut", "words": "words", "points": "clicks"}


def _draw_picture() -> np.ndarray:
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    for left, top, right, bottom in RED:
        picture[top:bottom, left:right] = (255, 0, 0)
    left, top, right, bottom = GREEN
    picture[top:bottom, left:right] = (0, 255, 0)
    return picture


PICTURE = _draw_picture()


def _claim(
    blobs: BlobStore, *regions: dict[str, Any], mask: bool = False, **more: Any
) -> ClaimedJob:
    image = encode(Image.fromarray(PICTURE))
    job = inpaint_job(blobs, image, image)
    parsed = [Region.model_validate(region) for region in regions]
    data = json.dumps([region.model_dump(exclude_none=True) for region in parsed]).encode()
    path = input_path(job.job_id, "regions")
    blobs.put(path, data)
    queries = sorted({region.query for region in parsed if region.query is not None})
    update = {
        "mask": None,
        "regions": StoredFile(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()),
        "finders": [FinderChoice(query=query, finder=NAMES[query]) for query in queries],
        "params": MaskParams(**more) if mask else InpaintParams(seed=0, quality="fast", **more),
        "operation": "mask" if mask else "inpaint",
        "method": "find" if mask else "patch",
    }
    return ClaimedJob(job.spec.model_copy(update=update), job.token)


def _run(blobs: BlobStore, job: ClaimedJob) -> RecordingReporter:
    report = RecordingReporter()
    paint([job], blobs, ENGINES, report, max_image_pixels=LIMIT)
    return report


def _mask_of(blobs: BlobStore, report: RecordingReporter, job: ClaimedJob) -> np.ndarray:
    data = blobs.get(report.masks[job.job_id][1])
    return np.asarray(Image.open(BytesIO(data)).convert("L"))


def _expect(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.uint8)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = 255
    return mask


def _done(report: RecordingReporter, job: ClaimedJob) -> DoneReport:
    assert report.failures == {}
    return report.done_jobs[job.job_id]


def test_regions_are_added_and_subtracted_in_order(blobs: BlobStore) -> None:
    job = _claim(
        blobs,
        {"find": "subject", "grow": 0},
        {"box": [0, 0, 40, 60], "subtract": True},
        {"find": "text", "grow": 0},
        {"find": "red", "subtract": True, "min_score": 1.0},
        {"box": [0, 0, 3, 3]},
        mask=True,
    )
    report = _run(blobs, job)
    assert np.array_equal(_mask_of(blobs, report, job), _expect((40, 30, 60, 50), (0, 0, 3, 3)))
    done = _done(report, job)
    assert done.recipe.engine == "finders"
    assert [one["query"] for one in done.recipe.details["finders"]] == ["subject", "text", "words"]
    assert done.timings.find_seconds is not None


def test_mask_lists_what_was_found_with_runs_that_draw_it_again(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "text"}, mask=True)
    report = _run(blobs, job)
    found = report.masks[job.job_id][0].found
    assert [(one.label, one.score) for one in found] == [("text", 1.0)] * 2
    again = np.asarray(draw_regions([Region(rle=one.rle) for one in found if one.rle], SIZE))
    mask = _mask_of(blobs, report, job)
    assert np.array_equal(again, mask)
    (output,) = _done(report, job).outputs
    assert output.proof.kept_pixels == mask.size
    assert output.proof.mask_sha256 == output.sha256


def test_paint_changes_nothing_but_what_was_found(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "text", "grow": 1}, grow=1)
    report = _run(blobs, job)
    done = _done(report, job)
    assert report.masks[job.job_id][0].found[0].rle is None
    assert ("find", 0, 1000) in report.steps
    painted = np.asarray(Image.open(BytesIO(blobs.get(done.outputs[0].path))).convert("RGB"))
    kept = _mask_of(blobs, report, job) == 0
    assert np.array_equal(painted[kept], PICTURE[kept])
    assert not (painted == (255, 0, 0)).all(axis=2).any()
    again = _claim(blobs, {"find": "text", "grow": 1}, grow=1)
    assert _done(_run(blobs, again), again).outputs[0].sha256 == done.outputs[0].sha256


def test_points_mark_the_one_thing_that_has_them(blobs: BlobStore) -> None:
    region = {"points": [[40.5, 40], [5, 5]], "labels": [1, 0], "grow": 0}
    job = _claim(blobs, region, mask=True)
    assert np.array_equal(_mask_of(blobs, _run(blobs, job), job), _expect(GREEN))


def test_widens_what_is_painted_of_a_thing_and_not_what_is_kept(blobs: BlobStore) -> None:
    left, top, right, bottom = GREEN
    wide = grow_mask(_expect(GREEN), 3)
    job = _claim(blobs, {"find": "subject"}, mask=True)
    assert np.array_equal(_mask_of(blobs, _run(blobs, job), job), wide)
    rest = _claim(
        blobs,
        {"box": [left - 5, top - 5, right + 5, bottom + 5]},
        {"find": "subject", "subtract": True},
        mask=True,
    )
    assert not _mask_of(blobs, _run(blobs, rest), rest)[top:bottom, left:right].any()
    assert _mask_of(blobs, _run(blobs, rest), rest)[top - 1, left:right].all()


def test_polarity_keeps_what_was_found(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "subject"}, mask=True, mask_polarity="black_repaints")
    assert np.array_equal(_mask_of(blobs, _run(blobs, job), job), 255 - _expect(GREEN))


@pytest.mark.parametrize(
    ("regions", "code"),
    [
        ([{"find": "purple"}], "nothing_found"),
        ([{"box": [0, 0, 9, 9]}, {"find": "purple", "subtract": True}], "nothing_found"),
        ([{"find": "text", "min_score": 0.5, "grow": -200}], "nothing_found"),
        ([{"find": "text"}, {"box": [0, 0, 80, 60], "subtract": True}], "mask_empty"),
        ([{"box": [0, 0, 80, 60]}, {"find": "text"}], "mask_full"),
    ],
)
@pytest.mark.parametrize("mask", [True, False])
def test_job_fails_by_name_when_its_mask_is_no_mask(
    blobs: BlobStore, regions: list[dict[str, Any]], code: str, mask: bool
) -> None:
    job = _claim(blobs, *regions, mask=mask)
    report = _run(blobs, job)
    assert report.failures[job.job_id].code == code
    assert report.masks == {}


def test_keep_leaves_the_picture_when_nothing_was_found(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "purple"}, if_nothing="keep", feather=3)
    report = _run(blobs, job)
    done = _done(report, job)
    assert done.recipe.engine == "none"
    assert [warning.code for warning in done.warnings] == ["nothing_found"]
    assert done.outputs[0].proof.kept_pixels == PICTURE.shape[0] * PICTURE.shape[1]
    painted = np.asarray(Image.open(BytesIO(blobs.get(done.outputs[0].path))).convert("RGB"))
    assert np.array_equal(painted, PICTURE)
    assert not _mask_of(blobs, report, job).any()


def test_keep_paints_what_other_regions_mark(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "purple"}, {"box": [0, 0, 9, 4]}, mask=True, if_nothing="keep")
    report = _run(blobs, job)
    assert np.array_equal(_mask_of(blobs, report, job), _expect((0, 0, 9, 4)))
    assert "nothing_found" in [warning.code for warning in _done(report, job).warnings]


def test_aborted_search_ends_without_a_report(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "slow"})
    report = RecordingReporter()

    def stop(stage: str, step: int) -> None:
        if stage == "find" and step > 0:
            report.aborted.add(job.job_id)
            raise Aborted

    report.on_step = stop
    paint([job], blobs, ENGINES, report, max_image_pixels=LIMIT)
    assert (report.done_jobs, report.failures) == ({}, {})


def test_worker_without_the_finder_fails_the_job(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "text"})
    report = RecordingReporter()
    engines = QueueEngines({("inpaint", "patch", None): ENGINE})
    paint([job], blobs, engines, report, max_image_pixels=LIMIT)
    assert report.failures[job.job_id].code == "method_unavailable"


def test_recipe_and_failure_have_no_words_of_the_caller(blobs: BlobStore) -> None:
    job = _claim(blobs, {"find": "blue"}, mask=True)
    failure = _run(blobs, job).failures[job.job_id]
    assert "blue" not in failure.detail
    job = _claim(blobs, {"find": "red"}, mask=True)
    assert "red" not in json.dumps(_done(_run(blobs, job), job).recipe.model_dump(mode="json"))
