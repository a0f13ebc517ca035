from __future__ import annotations

import gc
import hashlib
import tempfile
import weakref
from pathlib import Path

import psutil
import pytest

from service.contract.errors import BodyTooLarge, BrokerUnavailable, StoreUnavailable
from service.store import InputBytes
from service.store.blobs import BlobStore
from service.submission.intake import MEMORY_PART_BYTES, Intake

LARGE = bytes(range(256)) * (MEMORY_PART_BYTES // 128)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open(tmp_path.as_uri())


def _intake(blobs: BlobStore, limit: int = 25_000_000) -> tuple[Intake, list[str]]:
    begun: list[str] = []
    return Intake("job_x", blobs, begun.append, limit), begun


def _upload(intake: Intake, data: bytes, name: str = "image") -> None:
    picture = intake.open_picture(name)
    for start in range(0, len(data), 65_536):
        picture.write(data[start : start + 65_536])
    picture.finish()


def test_small_picture_stays_in_memory_until_saved(blobs: BlobStore) -> None:
    intake, begun = _intake(blobs)
    _upload(intake, b"abc")
    assert (begun, intake.has_written, blobs.list("jobs/")) == ([], False, [])
    with intake.pictures["image"].open() as file:
        assert file.read() == b"abc"
    intake.save()
    assert begun == ["job_x"]
    assert blobs.get("jobs/job_x/input/image") == b"abc"


def test_large_picture_is_streamed_after_the_wipe_is_promised(blobs: BlobStore) -> None:
    intake, begun = _intake(blobs)
    _upload(intake, LARGE)
    assert begun == ["job_x"]
    picture = intake.pictures["image"]
    assert picture.bytes == len(LARGE)
    assert picture.sha256 == hashlib.sha256(LARGE).hexdigest()
    intake.save()
    assert blobs.get(picture.path) == LARGE


def test_streamed_picture_reads_like_a_file(blobs: BlobStore) -> None:
    intake, _ = _intake(blobs)
    _upload(intake, LARGE)
    with intake.pictures["image"].open() as file:
        assert file.read(10) == LARGE[:10]
        assert file.seek(-5, 2) == len(LARGE) - 5
        assert file.read() == LARGE[-5:]
        assert file.read() == b""
        file.seek(1000)
        file.seek(24, 1)
        assert file.tell() == 1024
        assert file.read(3) == LARGE[1024:1027]


def test_promise_is_made_once_for_all_pictures(blobs: BlobStore) -> None:
    intake, begun = _intake(blobs)
    _upload(intake, LARGE, "image")
    _upload(intake, b"m", "mask")
    intake.save()
    intake.save()
    assert begun == ["job_x"]


def test_too_large_picture_is_refused_while_it_comes_in(blobs: BlobStore) -> None:
    intake, _ = _intake(blobs, limit=100)
    with pytest.raises(BodyTooLarge, match="image"):
        _upload(intake, b"x" * 101)


def test_nothing_is_written_when_the_broker_is_away(blobs: BlobStore) -> None:
    def begin(job_id: str) -> None:
        raise BrokerUnavailable

    intake = Intake("job_x", blobs, begin, 25_000_000)
    with pytest.raises(BrokerUnavailable):
        _upload(intake, LARGE)
    assert blobs.list("jobs/") == []


def test_drawn_picture_is_saved_like_one_that_was_sent(blobs: BlobStore) -> None:
    intake, begun = _intake(blobs, limit=5)
    _upload(intake, b"image")
    intake.add_drawn("mask", b"larger than what may be sent")
    assert (list(intake.pictures), list(intake.everything())) == (["image"], ["image", "mask"])
    assert begun == []
    intake.save()
    assert begun == ["job_x"]
    assert blobs.get(intake.drawn["mask"].path) == b"larger than what may be sent"


def test_large_drawn_picture_goes_to_the_store(blobs: BlobStore) -> None:
    intake, begun = _intake(blobs)
    intake.add_drawn("mask", LARGE)
    assert (begun, blobs.get(intake.drawn["mask"].path)) == (["job_x"], LARGE)


@pytest.mark.parametrize("data", [b"abc", LARGE], ids=["small", "large"])
def test_what_is_only_planned_never_reaches_the_store(blobs: BlobStore, data: bytes) -> None:
    begun: list[str] = []
    intake = Intake("job_x", blobs, begun.append, 25_000_000, keeps=False)
    _upload(intake, data)
    picture = intake.pictures["image"]
    for _ in range(2):
        with picture.open() as file:
            assert file.read(3) == data[:3]
            assert file.seek(0) == 0
            assert file.read() == data
    assert (picture.bytes, picture.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    intake.close()
    assert (begun, blobs.list("jobs/")) == ([], [])


def test_no_space_for_temporary_files_is_refused(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    intake = Intake("job_x", blobs, lambda job_id: None, 25_000_000, keeps=False)
    with pytest.raises(StoreUnavailable, match="no space"):
        _upload(intake, LARGE)


def test_stored_picture_is_linked_and_outlives_its_first_owner(blobs: BlobStore) -> None:
    stored = blobs.put("jobs/upl_1/input/file", LARGE)
    intake, begun = _intake(blobs)
    intake.add_stored("image", stored.path, stored.bytes, stored.sha256)
    picture = intake.pictures["image"]
    with picture.open() as file:
        assert file.read() == LARGE
    assert (picture.sha256, picture.bytes) == (stored.sha256, len(LARGE))
    intake.save()
    assert begun == ["job_x"]
    blobs.delete_prefix("jobs/upl_1/")
    assert blobs.get(picture.path) == LARGE


def test_twenty_jobs_of_one_stored_picture_take_its_bytes_once(
    blobs: BlobStore, tmp_path: Path
) -> None:
    stored = blobs.put("jobs/upl_1/input/file", LARGE)
    for number in range(20):
        intake = Intake(f"job_{number}", blobs, lambda owner_id: None, 25_000_000)
        intake.add_stored("image", stored.path, stored.bytes, stored.sha256)
        intake.save()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 21
    assert len({path.stat().st_ino for path in files}) == 1


@pytest.mark.parametrize(("is_folder", "own"), [(True, 3), (False, 3 + 2 * len(LARGE))])
def test_bytes_of_links_are_not_its_own_where_links_take_none(
    blobs: BlobStore, is_folder: bool, own: int
) -> None:
    blobs = blobs if is_folder else BlobStore.open("memory://")
    stored = blobs.put("jobs/upl_1/input/file", LARGE)
    intake, _ = _intake(blobs)
    intake.add_stored("image", stored.path, stored.bytes, stored.sha256)
    intake.add_stored("mask", stored.path, stored.bytes, stored.sha256)
    _upload(intake, b"abc", "source_mask")
    intake.save()
    assert intake.count_bytes() == InputBytes(own, {"upl_1": len(LARGE)} if is_folder else {})


def test_stored_picture_that_was_wiped_meanwhile_is_refused(blobs: BlobStore) -> None:
    intake, _ = _intake(blobs)
    intake.add_stored("image", "jobs/upl_1/input/file", 3, "00")
    with pytest.raises(StoreUnavailable):
        intake.save()


@pytest.mark.parametrize("size", [1000, 4 * MEMORY_PART_BYTES])
def test_picture_that_broke_off_is_freed_without_a_collection_of_cycles(
    blobs: BlobStore, size: int
) -> None:
    gc.disable()
    try:
        intake, _ = _intake(blobs)
        picture = intake.open_picture("image")
        picture.write(bytes(size))
        freed = weakref.ref(picture)
        intake.close()
        del picture, intake
        assert freed() is None
    finally:
        gc.enable()


def test_uploads_that_break_off_give_their_memory_back(blobs: BlobStore) -> None:
    def break_off() -> None:
        intake, _ = _intake(blobs)
        intake.open_picture("image").write(LARGE)
        intake.close()

    for _ in range(5):
        break_off()
    before = psutil.Process().memory_info().rss
    for _ in range(100):
        break_off()
    # Each holds a writer of 5 MiB until it is dropped.
    assert psutil.Process().memory_info().rss < before + 50 * 2**20
