from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from service.contract.errors import StoreUnavailable
from service.contract.names import preview_path
from service.store.blobs import BlobStore
from tests.support.patience import PATIENCE_SECONDS, wait_for
from worker.messages import Preview
from worker.previewing import PreviewWriter

JOB, TOKEN = "job_A", "t1"


class SlowBlobs(BlobStore):
    """A store whose writes wait for a gate, and fail when they are told to."""

    gate: threading.Event
    arrived: threading.Event
    fails = False

    def put_all(self, blobs: object) -> None:
        self.arrived.set()
        self.gate.wait(PATIENCE_SECONDS)
        if self.fails:
            raise StoreUnavailable
        super().put_all(blobs)  # type: ignore[arg-type]


@pytest.fixture
def blobs() -> Iterator[SlowBlobs]:
    opened = SlowBlobs.open("memory://")
    opened.gate, opened.arrived = threading.Event(), threading.Event()
    opened.gate.set()
    yield opened
    opened.gate.set()


@pytest.fixture
def sent() -> list[Preview]:
    return []


@pytest.fixture
def writer(blobs: SlowBlobs, sent: list[Preview]) -> PreviewWriter:
    made = PreviewWriter(blobs, lambda told: sent.extend(told.messages))  # type: ignore[arg-type]
    made.start()
    made.begin([(JOB, TOKEN)])
    return made


def test_writer_tells_of_a_preview_once_it_is_there(
    writer: PreviewWriter, blobs: SlowBlobs, sent: list[Preview]
) -> None:
    for number in range(3):
        writer.put(JOB, TOKEN, bytes([number]))
        wait_for(lambda number=number: len(sent) == number + 1)  # type: ignore[misc]
        assert blobs.get(sent[-1].path) == bytes([number])
    first, second, third = (preview.path for preview in sent)
    assert first != second
    assert first == third == preview_path(JOB, TOKEN, 0)


def test_writer_holds_up_nobody_and_keeps_the_latest_alone(
    writer: PreviewWriter, blobs: SlowBlobs, sent: list[Preview]
) -> None:
    blobs.gate.clear()
    writer.put(JOB, TOKEN, b"0")
    assert blobs.arrived.wait(PATIENCE_SECONDS)
    for number in range(1, 10):
        writer.put(JOB, TOKEN, str(number).encode())
    blobs.gate.set()
    wait_for(lambda: len(sent) == 2)
    assert blobs.get(sent[-1].path) == b"9"


def test_writer_takes_away_what_comes_after_the_end(
    writer: PreviewWriter, blobs: SlowBlobs, sent: list[Preview]
) -> None:
    writer.put(JOB, TOKEN, b"in time")
    wait_for(lambda: len(sent) == 1)
    blobs.gate.clear()
    blobs.arrived.clear()
    writer.put(JOB, TOKEN, b"too late")
    assert blobs.arrived.wait(PATIENCE_SECONDS)
    writer.end()
    writer.begin([(JOB, "t2")])
    blobs.gate.set()
    writer.put(JOB, "t2", b"next")
    wait_for(lambda: len(sent) == 2)
    assert [preview.path for preview in sent] == [
        preview_path(JOB, TOKEN, 0),
        preview_path(JOB, "t2", 0),
    ]
    assert sorted(blobs.list(f"jobs/{JOB}/")) == sorted(preview.path for preview in sent)


def test_writer_bears_a_store_that_fails(
    writer: PreviewWriter, blobs: SlowBlobs, sent: list[Preview]
) -> None:
    blobs.fails = True
    writer.put(JOB, TOKEN, b"lost")
    assert blobs.arrived.wait(PATIENCE_SECONDS)
    wait_for(lambda: not writer._waiting)
    blobs.fails = False
    writer.put(JOB, TOKEN, b"kept")
    wait_for(lambda: len(sent) == 1)
    assert blobs.get(sent[0].path) == b"kept"


def test_writer_drops_what_nobody_began(
    writer: PreviewWriter, blobs: SlowBlobs, sent: list[Preview]
) -> None:
    writer.put("job_B", "t9", b"whose?")
    writer.put(JOB, TOKEN, b"mine")
    wait_for(lambda: len(sent) == 1)
    assert blobs.list("jobs/") == [sent[0].path]
