"""Blobs: whole or not at all, deleted with all that belongs to them and nothing else."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.contract.errors import InputLost, StoreUnavailable
from service.store.blobs import PIECE_BYTES, WINDOW_BYTES, WRITE_BUFFER_BYTES, BlobStore

DATA = b"picture"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture(params=["file", "memory"])
def blobs(request: pytest.FixtureRequest, directory: Path) -> Iterator[BlobStore]:
    yield BlobStore.open(directory.as_uri() if request.param == "file" else "memory://")


def _files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_put_gives_size_and_digest_and_keeps_the_bytes(blobs: BlobStore) -> None:
    stored = blobs.put("jobs/a/input/image", DATA)
    assert stored.bytes == len(DATA)
    assert stored.sha256 == hashlib.sha256(DATA).hexdigest()
    assert blobs.get("jobs/a/input/image") == DATA


def test_put_replaces(blobs: BlobStore) -> None:
    blobs.put("jobs/a/x", b"old and longer")
    blobs.put("jobs/a/x", DATA)
    assert blobs.get("jobs/a/x") == DATA


def test_get_raises_when_there_is_none(blobs: BlobStore) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.get("jobs/a/x")
    with pytest.raises(FileNotFoundError):
        blobs.stream("jobs/a/x")
    with pytest.raises(FileNotFoundError):
        blobs.stream("jobs/a/x", 1, 2)


def test_get_checked_refuses_what_differs(blobs: BlobStore) -> None:
    stored = blobs.put("jobs/a/x", DATA)
    assert blobs.get_checked("jobs/a/x", stored.sha256) == DATA
    blobs.put("jobs/a/x", b"Picture")
    with pytest.raises(InputLost):
        blobs.get_checked("jobs/a/x", stored.sha256)
    with pytest.raises(InputLost):
        blobs.get_checked("jobs/a/y", stored.sha256)


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 3), (2, 5), (3, None), (6, 7)])
def test_stream_gives_the_half_open_range(blobs: BlobStore, start: int, end: int | None) -> None:
    blobs.put("jobs/a/x", DATA)
    assert b"".join(blobs.stream("jobs/a/x", start, end)) == DATA[start:end]


def test_blobs_are_read_in_small_pieces(blobs: BlobStore) -> None:
    data = os.urandom(3 * WINDOW_BYTES + 1)
    blobs.put("jobs/a/large", data)
    pieces = list(blobs.stream("jobs/a/large"))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert b"".join(blobs.stream("jobs/a/large", 5, 2 * WINDOW_BYTES)) == data[5 : 2 * WINDOW_BYTES]


@pytest.mark.parametrize("size", [0, 1, WRITE_BUFFER_BYTES, 2 * WRITE_BUFFER_BYTES + 1])
def test_writer_keeps_what_was_written_in_pieces(blobs: BlobStore, size: int) -> None:
    data = os.urandom(size)
    writer = blobs.open_writer("jobs/a/x")
    for start in range(0, size, 700_001):
        writer.write(data[start : start + 700_001])
    with pytest.raises(FileNotFoundError):
        blobs.get("jobs/a/x")
    stored = writer.close()
    assert (stored.bytes, stored.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert blobs.get("jobs/a/x") == data


def test_delete_prefix_takes_all_of_a_job_and_nothing_else(blobs: BlobStore) -> None:
    for path in ("jobs/a/input/image", "jobs/a/t1/0.png", "jobs/ab/input/image"):
        blobs.put(path, DATA)
    assert blobs.delete_prefix("jobs/a/") == 2
    assert blobs.delete_prefix("jobs/a/") == 0
    assert blobs.list("jobs/") == ["jobs/ab/input/image"]


@pytest.mark.parametrize("prefix", ["jobs/a", "", "/"])
def test_delete_prefix_refuses_what_could_take_others_along(blobs: BlobStore, prefix: str) -> None:
    blobs.put("jobs/ab/x", DATA)
    with pytest.raises(ValueError, match="slash"):
        blobs.delete_prefix(prefix)


@pytest.mark.parametrize("path", ["../x", "jobs/../../x"])
def test_put_stays_inside_the_store(blobs: BlobStore, path: str) -> None:
    with pytest.raises((ValueError, StoreUnavailable)):
        blobs.put(path, DATA)


def test_open_refuses_an_unknown_store() -> None:
    with pytest.raises(ValueError, match="ftp"):
        BlobStore.open("ftp://host/x")


# A directory --------------------------------------------------------------------------------------


def test_directory_is_for_its_owner_alone(directory: Path) -> None:
    BlobStore.open(directory.as_uri())
    assert directory.stat().st_mode & 0o777 == 0o700


def test_directory_keeps_blobs_for_the_next_process(directory: Path) -> None:
    BlobStore.open(directory.as_uri()).put("jobs/a/x", DATA)
    assert BlobStore.open(directory.as_uri()).get("jobs/a/x") == DATA


def test_delete_prefix_leaves_no_folders(directory: Path) -> None:
    blobs = BlobStore.open(directory.as_uri())
    blobs.put("jobs/a/input/image", DATA)
    blobs.put("jobs/b/input/image", DATA)
    blobs.delete_prefix("jobs/a/")
    assert _files(directory) == ["jobs", "jobs/b", "jobs/b/input", "jobs/b/input/image"]


@pytest.mark.slow
def test_delete_prefix_takes_what_a_killed_writer_left(directory: Path) -> None:
    program = (
        "import os, sys; from service.store.blobs import BlobStore\n"
        "writer = BlobStore.open(sys.argv[1]).open_writer('jobs/a/input/image')\n"
        "writer.write(bytes(12_000_000)); os.kill(os.getpid(), 9)"
    )
    argv = [sys.executable, "-c", program, directory.as_uri()]
    ended = subprocess.run(argv, check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == -signal.SIGKILL
    blobs = BlobStore.open(directory.as_uri())
    assert blobs.list("jobs/a/") == []
    assert [name for name in _files(directory) if "image" in name]
    blobs.delete_prefix("jobs/a/")
    assert _files(directory) == ["jobs"]


def test_put_says_unavailable_when_the_directory_cannot_be_written(directory: Path) -> None:
    blobs = BlobStore.open(directory.as_uri())
    (directory / "jobs").write_text("a file where a folder should be")
    with pytest.raises(StoreUnavailable):
        blobs.put("jobs/a/x", DATA)


def test_delete_takes_one_and_does_not_mind_a_second_time(blobs: BlobStore) -> None:
    blobs.put_all({"jobs/a/x": DATA, "jobs/a/y": DATA})
    for _ in range(2):
        blobs.delete("jobs/a/x")
        assert blobs.list("jobs/a/") == ["jobs/a/y"]
