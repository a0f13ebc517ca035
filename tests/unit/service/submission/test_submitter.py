from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rq.utils import as_text

from service.config import ServiceSettings
from service.contract.catalogue import Catalogue
from service.contract.errors import BrokerUnavailable, InvalidField
from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, rq_list
from service.contract.params import InpaintParams
from service.contract.regions import Region
from service.store import JobStore, Submitted, connect
from service.store.blobs import BlobStore
from service.store.job_records import JobRecords
from service.store.wakeups import Wakeups
from service.submission.admission import Admission
from service.submission.intake import Intake
from service.submission.request import JobRequest, Sender
from service.submission.submitter import BegunIds, Submitter, fingerprint
from tests.support.broker import flush
from tests.support.pictures import mask, picture


class ForgetfulRecords(JobRecords):
    """Records that do as they are asked, but whose first answer is lost on the way."""

    lost = 0

    def submit(self, *args: Any, **kwargs: Any) -> Submitted:
        submitted = super().submit(*args, **kwargs)
        if self.lost == 0:
            self.lost = 1
            raise BrokerUnavailable
        return submitted


@pytest.fixture
def store(broker_url: str) -> JobStore:
    return connect(broker_url)


def _submitter(store: JobStore, folder: Path, wakeups: Wakeups | None = None) -> Submitter:
    blobs = BlobStore.open(folder.as_uri())
    wakeups = wakeups or Wakeups(store.redis, DEFAULT_NAMESPACE)
    settings = ServiceSettings()
    admission = Admission(settings, store, blobs)
    return Submitter(settings, Catalogue(), store, blobs, wakeups, admission)


def _asked(intake: Intake, key: str | None = None, **fields: Any) -> JobRequest:
    for name, data in (("image", picture()), ("mask", mask())):
        part = intake.open_picture(name)
        part.write(data)
        part.finish()
    return JobRequest(
        "inpaint", InpaintParams(**fields), intake, Sender("default", request_id="r-1"), key
    )


def test_submit_never_queues_an_inpainting_without_a_mask(store: JobStore, tmp_path: Path) -> None:
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake(keeps=False) as intake:
        asked = _asked(intake)
        del intake.pictures["mask"]
        with pytest.raises(ValueError, match="has one, or finders"):
            submitter.submit(asked)


def test_submit_repeats_when_the_answer_is_lost(broker_url: str, tmp_path: Path) -> None:
    store = connect(broker_url)
    store.jobs = ForgetfulRecords(store.scripts)
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake() as intake:
        accepted = submitter.submit(_asked(intake))
    assert accepted.view.record.job_id == intake.owner_id
    assert not accepted.replayed
    assert accepted.view.record.version == 1
    assert store.wipes.take() == []


def test_job_comes_with_its_wakeup_and_a_replay_without(store: JobStore, tmp_path: Path) -> None:
    submitter, wakeups = _submitter(store, tmp_path), rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)
    for _ in range(2):
        with submitter.open_intake() as intake:
            submitter.submit(_asked(intake, "key", seed=1))
        assert store.redis.llen(wakeups) == 1


def test_submit_accepts_although_no_worker_can_be_notified(store: JobStore, tmp_path: Path) -> None:
    store.redis.set(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE), "no list")
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake() as intake:
        submitter.submit(_asked(intake))
    (claimed,) = store.claims.take(CPU_QUEUE, worker="w", claim_id="c")
    assert claimed.job_id == intake.owner_id


def _members(store: JobStore, key: str) -> list[str]:
    return [as_text(member) for member, _ in store.redis.zscan_iter(key)]


def test_submission_begins_the_upload_of_the_next_job(store: JobStore, tmp_path: Path) -> None:
    submitter, wipes = _submitter(store, tmp_path), store.scripts.key("wipe")
    with submitter.open_intake() as first:
        submitter.submit(_asked(first))
    begun = _members(store, wipes)
    with submitter.open_intake() as second, submitter.open_intake() as third:
        assert begun == [f"{second.owner_id}#upload"]
        submitter.submit(_asked(second))
        submitter.submit(_asked(third))
    left = _members(store, wipes)
    assert not set(left) & {f"{intake.owner_id}#upload" for intake in (first, second, third)}


def test_submit_accepts_when_the_broker_lost_what_was_begun(
    store: JobStore, broker_url: str, tmp_path: Path
) -> None:
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake() as first:
        submitter.submit(_asked(first))
    flush(broker_url)
    with submitter.open_intake() as second:
        submitter.submit(_asked(second))
    (claimed,) = store.claims.take(CPU_QUEUE, worker="w", claim_id="c")
    assert claimed.job_id == second.owner_id


def test_id_that_waited_too_long_is_left_to_the_wiper(store: JobStore, tmp_path: Path) -> None:
    begun = BegunIds()
    begun.add("job_A")
    assert (begun.take(), begun.take()) == ("job_A", None)
    old = BegunIds(fresh_seconds=0)
    old.add("job_A")
    assert old.take() is None


def test_submit_wipes_the_uploads_of_a_replay(store: JobStore, tmp_path: Path) -> None:
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake() as first:
        submitter.submit(_asked(first, "key", seed=1))
    with submitter.open_intake() as second:
        accepted = submitter.submit(_asked(second, "key", seed=1))
    assert accepted.replayed
    assert accepted.view.record.job_id == first.owner_id
    assert [member.split("#")[0] for member in store.wipes.take()] == [second.owner_id]


def test_submit_keeps_nothing_of_a_refused_request(store: JobStore, tmp_path: Path) -> None:
    submitter = _submitter(store, tmp_path)
    with pytest.raises(InvalidField), submitter.open_intake() as intake:
        submitter.submit(_asked(intake, "k" * 256))
    assert store.redis.keys("*") == []


def test_fingerprint_covers_parameters_and_files(store: JobStore, tmp_path: Path) -> None:
    submitter = _submitter(store, tmp_path)

    def take(**fields: Any) -> str:
        with submitter.open_intake() as intake:
            return fingerprint(_asked(intake, **fields))

    assert take(seed=1, grow=2) == take(grow=2, seed=1)
    assert len({take(), take(seed=1), take(seed=2)}) == 3
    with submitter.open_intake() as intake:
        asked = _asked(intake)
        before = fingerprint(asked)
        intake.pictures["mask"].write(b"x")
        assert fingerprint(asked) != before


def test_fingerprint_leaves_out_what_was_drawn(store: JobStore, tmp_path: Path) -> None:
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake() as intake:
        asked = _asked(intake, seed=1)
        before = fingerprint(asked)
        intake.add_drawn("mask", b"x")
        assert fingerprint(asked) == before


def test_plan_keeps_nothing_and_draws_no_seed(store: JobStore, tmp_path: Path) -> None:
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake(keeps=False) as intake:
        planned = submitter.plan(_asked(intake, "key", output_format="jpeg"))
    assert (planned.spec.paint_params.seed, planned.canvas) == (None, (96, 64))
    assert planned.spec.paint_params.output_quality == 95
    assert store.redis.keys("*") == []
    with pytest.raises(InvalidField), submitter.open_intake(keeps=False) as intake:
        submitter.plan(_asked(intake, "k" * 256))
    assert store.redis.keys("*") == []


def test_submit_stores_the_mask_that_it_drew(store: JobStore, tmp_path: Path) -> None:
    submitter = _submitter(store, tmp_path)
    with submitter.open_intake() as intake:
        part = intake.open_picture("image")
        part.write(picture())
        part.finish()
        params = InpaintParams(regions=[Region(box=[1, 2, 30, 40])])
        spec = submitter.submit(
            JobRequest("inpaint", params, intake, Sender("default"))
        ).view.record.spec
    assert spec.mask is not None and spec.mask_asked is not None
    assert spec.mask_asked.box == [1, 2, 30, 40]
    assert (spec.mask.format, spec.mask.mode) == ("png", "1")
    blobs = BlobStore.open(tmp_path.as_uri())
    with Image.open(io.BytesIO(blobs.get_checked(spec.mask.path, spec.mask.sha256))) as drawn:
        assert drawn.getbbox() == (1, 2, 30, 40)
