from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from service.contract.geometry import Margins, plan_margins
from service.contract.params import InpaintParams
from service.contract.setting_errors import SettingsError
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_box_mask, make_image, make_rgb
from tests.unit.worker.operations.recording import (
    RecordingReporter,
    ShowingEngine,
    inpaint_job,
    outpaint_job,
    put_input,
)
from worker.config import WorkerSettings
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import QueueEngines
from worker.imaging import ImageArray, MaskArray
from worker.operations.paint import paint
from worker.operations.safety import SafetyCheck, Verdict, load_safety_check
from worker.reporting import ClaimedJob

LIMIT = 1_000_000
PASSED = Verdict()
REFUSED = Verdict(allowed=False, reason="against the house rules")


@dataclass
class StubCheck:
    """Says what a test wants, and keeps what it was asked."""

    prompt: Verdict | Exception = PASSED
    input: Verdict | Exception = PASSED
    output: Verdict | Exception = PASSED
    asked: list[str] = field(default_factory=list)
    seen: list[tuple[ImageArray, MaskArray]] = field(default_factory=list)

    def check_prompt(self, prompt: str, negative_prompt: str) -> Verdict:
        return self._say(f"prompt {prompt!r} {negative_prompt!r}", self.prompt)

    def check_input(self, image: ImageArray, mask: MaskArray) -> Verdict:
        self.seen.append((image, mask))
        return self._say("input", self.input)

    def check_output(self, image: ImageArray, mask: MaskArray) -> Verdict:
        self.seen.append((image, mask))
        return self._say("output", self.output)

    def _say(self, asked: str, verdict: Verdict | Exception) -> Verdict:
        self.asked.append(asked)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict


def build_check(settings: WorkerSettings) -> SafetyCheck:
    """What a setting names."""
    return StubCheck(asked=[settings.queue])


def small_job(blobs: BlobStore, params: InpaintParams | None = None) -> ClaimedJob:
    image, mask = make_image("RGB", 64, 64), make_box_mask(64, 64, (20, 20, 30, 30))
    return inpaint_job(blobs, encode(image), encode(mask), params)


def run(
    blobs: BlobStore, engines: EngineRegistry, claimed: ClaimedJob, check: SafetyCheck
) -> RecordingReporter:
    report = RecordingReporter()
    paint([claimed], blobs, engines, report, max_image_pixels=LIMIT, safety=check)
    return report


@pytest.mark.parametrize("stage", ["prompt", "input", "output"])
def test_a_refusal_fails_the_job_with_a_code_of_its_own(
    blobs: BlobStore, engines: EngineRegistry, stage: str
) -> None:
    check, claimed = StubCheck(**{stage: REFUSED}), small_job(blobs)  # type: ignore[arg-type]
    failure = run(blobs, engines, claimed, check).failures[claimed.job_id]
    assert failure.code == f"{stage}_refused"
    assert failure.detail == "against the house rules"
    assert not failure.retryable
    assert not [path for path in blobs.list(f"jobs/{claimed.job_id}/") if "/output" in path]
    assert [asked.split()[0] for asked in check.asked][-1] == stage


def test_a_refusal_without_a_reason_says_who_refused(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    claimed = small_job(blobs)
    report = run(blobs, engines, claimed, StubCheck(prompt=Verdict(allowed=False)))
    assert report.failures[claimed.job_id].detail == "The prompt is refused by the safety check"


def test_what_passes_is_asked_about_everything_and_every_picture(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    params = InpaintParams(seed=0, num_images=2, prompt="a door", negative_prompt="rain")
    check, claimed = StubCheck(), small_job(blobs, params)
    report = run(blobs, engines, claimed, check)
    assert len(report.done_jobs[claimed.job_id].outputs) == 2
    assert check.asked == ["prompt 'a door' 'rain'", "input", "output", "output"]
    for image, mask in check.seen:
        assert image.shape == (64, 64, 3) and mask.shape == (64, 64)
        assert not image.flags.writeable and not mask.flags.writeable


def test_a_reference_and_the_text_around_a_prompt_are_judged_too(
    blobs: BlobStore, engines: EngineRegistry
) -> None:
    params = InpaintParams(seed=0, prompt="a door", prompt_template="paint {prompt}")
    claimed, check = small_job(blobs, params), StubCheck()
    reference = put_input(blobs, claimed.job_id, "reference_image", encode(make_image("L", 30, 20)))
    spec = claimed.spec.model_copy(update={"reference_image": reference})
    run(blobs, engines, replace(claimed, spec=spec), check)
    assert check.asked == ["prompt 'paint a door' ''", "input", "input", "output"]
    image, mask = check.seen[1]
    assert image.shape == (20, 30, 3)
    assert mask.shape == (20, 30) and not mask.any()
    assert not image.flags.writeable and not mask.flags.writeable


def test_an_outpainting_is_judged_on_its_canvas(blobs: BlobStore, engines: EngineRegistry) -> None:
    geometry = plan_margins(64, 64, Margins(left=8, top=0, right=0, bottom=0))
    claimed, check = outpaint_job(blobs, encode(make_image("RGB", 64, 64)), geometry), StubCheck()
    assert claimed.job_id in run(blobs, engines, claimed, check).done_jobs
    assert {image.shape for image, _ in check.seen} == {(64, 72, 3)}
    assert np.array_equal(np.unique(check.seen[-1][1][:, :8]), [255])


def test_a_check_that_raises_fails_the_job(blobs: BlobStore, engines: EngineRegistry) -> None:
    claimed = small_job(blobs)
    report = run(blobs, engines, claimed, StubCheck(output=ValueError("a door is bad")))
    assert report.failures[claimed.job_id].code == "internal"
    assert "door" not in report.failures[claimed.job_id].detail


def test_load_safety_check_calls_what_the_setting_names() -> None:
    assert load_safety_check(WorkerSettings()) is None
    check = load_safety_check(WorkerSettings(safety_check=f"{__name__}:build_check"))
    assert isinstance(check, StubCheck) and check.asked == ["paint-cpu"]
    with pytest.raises(SettingsError, match="PAINTJOB_SAFETY_CHECK="):
        load_safety_check(WorkerSettings(safety_check=f"{__name__}:nothing"))
    with pytest.raises(ValueError, match="safety_check"):
        WorkerSettings(safety_check="no function")


def test_previews_are_off_while_a_check_is_set(blobs: BlobStore) -> None:
    engine = ShowingEngine(make_rgb("texture", 64, 48))
    engines = QueueEngines({("inpaint", "patch", None): engine})
    for check in (None, StubCheck()):
        claimed, report = small_job(blobs), RecordingReporter()
        paint([claimed], blobs, engines, report, max_image_pixels=LIMIT, safety=check)
        assert claimed.job_id in report.done_jobs
    assert engine.is_watched == [True, False]
