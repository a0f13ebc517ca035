"""The commands that call a running service, against one that paints."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import termios
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from service import cli
from service.client import PaintjobClient
from service.commands.operating import DEFAULTS, open_store
from service.commands.top import draw, look
from tests.support.deployment import ROOT, RunningUp, running_up
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import mask, picture

pytestmark = pytest.mark.slow
PICTURES = ROOT / "demo" / "pictures"

Told = tuple[int, str, str]
"""Exit status, standard output, standard error."""


@pytest.fixture(scope="module")
def running() -> Iterator[RunningUp]:
    with running_up(PAINTJOB_SELF_MODEL="false") as up:
        yield up


@pytest.fixture
def paintjob(
    running: RunningUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Told]:
    def run(*arguments: object) -> Told:
        words = ["paintjob", *map(str, arguments), "--url", running.url]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return (int(caught.value.code or 0), *capsys.readouterr())

    return run


def test_jobs_are_listed_shown_canceled_and_deleted(
    paintjob: Callable[..., Told], tmp_path: Path
) -> None:
    image, hole = tmp_path / "i.png", tmp_path / "m.png"
    image.write_bytes(picture())
    hole.write_bytes(mask())
    submit = ("submit", "inpaint", image, "--mask", hole, "--method", "patch")
    status, told, _ = paintjob(*submit, "-o", tmp_path / "o.png", "--tag", "a", "--tag", "b")
    assert status == 0
    assert "changed: 0" in told
    [line] = paintjob("jobs", "list", "--tag", "b", "--status", "succeeded")[1].splitlines()
    job_id = line.split()[0]
    assert line.endswith("a,b")
    shown = json.loads(paintjob("jobs", "get", job_id)[1])
    assert (shown["id"], shown["params"]["tags"]) == (job_id, ["a", "b"])
    listed = json.loads(paintjob("jobs", "list", "--limit", 1, "--json")[1])
    assert listed["id"] == job_id
    status, _, told = paintjob("jobs", "cancel", job_id)
    assert status == 1
    assert "already finished" in told
    assert paintjob("jobs", "delete", job_id)[:2] == (0, f"{job_id} is deleted\n")
    assert paintjob("jobs", "get", job_id)[0] == 1
    assert paintjob("jobs", "list", "--tag", "b")[1] == ""
    # The counts outlive the job.
    assert int(json.loads(paintjob("usage", "--json")[1])["jobs"]) >= 1


def test_no_store_leaves_nothing_at_the_service(
    paintjob: Callable[..., Told], tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    submit = ("submit", "outpaint", PICTURES / "cat.png", "--method", "mirror", "--left", 8)
    assert paintjob(*submit, "-o", out, "--no-store", "--tag", "gone")[0] == 0
    assert out.exists()
    # The job is wiped once its result has arrived, so the client can be a moment ahead.
    wait_for(lambda: paintjob("jobs", "list", "--tag", "gone")[1] == "")


def test_batch_goes_on_where_it_stopped(
    paintjob: Callable[..., Told], running: RunningUp, tmp_path: Path
) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(PICTURES / "rocket.jpg", folder / f"{name}.jpg")
        shutil.copy(PICTURES / "rocket-mask.png", folder / f"{name}-mask.png")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "broken_mask.png").write_bytes(mask())
    batch = ("batch", folder, "-o", output, "--set", "quality=fast", "--tag", "folder")
    status, told, error = paintjob(*batch, "--dry-run")
    assert (status, told) == (1, "3 would cost 0.82, 1 are refused\n")
    assert "broken.png: " in error
    assert not output.exists()
    status, told, error = paintjob(*batch)
    assert (status, told) == (1, "3 painted, 1 failed\n")
    assert "broken.png: " in error
    assert {file.name for file in output.iterdir()} == {"a.png", "b.png", "c.png"}
    (folder / "broken.png").unlink()
    # Painted, but not yet fetched when the run was stopped: its job is found again.
    (output / "b.png").unlink()
    assert paintjob(*batch)[:2] == (0, "1 painted, 0 failed\n")
    with PaintjobClient(running.url) as client:
        jobs = list(client.list_jobs(tag="folder"))
        assert len(jobs) == 3
        for job in jobs:
            client.delete(job.id)
    # Its job is gone: it is painted anew.
    (output / "b.png").unlink()
    assert paintjob(*batch)[:2] == (0, "1 painted, 0 failed\n")


def test_batches_are_listed_waited_for_and_deleted(
    paintjob: Callable[..., Told], running: RunningUp, tmp_path: Path
) -> None:
    item = {"operation": "outpaint", "method": "mirror", "image": {"part": "a"}, "right": 8}
    with PaintjobClient(running.url) as client:
        batch_id = client.submit_batch([item, item], {"a": PICTURES / "cat.png"}).id
        partly = client.submit_batch([item, {**item, "right": -1}], {"a": PICTURES / "cat.png"}).id
    results = tmp_path / "results.zip"
    status, told, _ = paintjob("batches", "wait", batch_id, "-o", results)
    assert status == 0
    assert "2 succeeded" in told
    assert len(zipfile.ZipFile(results).namelist()) == 3
    status, told, error = paintjob("batches", "wait", partly)
    assert (status, "1 refused" in told) == (1, True)
    assert "1 items have no result" in error
    listed = paintjob("batches", "list")[1].splitlines()
    assert [line.split()[0] for line in listed] == [partly, batch_id]
    assert json.loads(paintjob("batches", "get", batch_id)[1])["status"] == "ended"
    assert paintjob("batches", "delete", batch_id)[0] == 0
    assert paintjob("batches", "cancel", batch_id)[0] == 1


def test_top_shows_queues_workers_and_what_has_ended(
    running: RunningUp, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store("", DEFAULTS.namespace, running.data_dir) as store:
        before = look(store)
        with PaintjobClient(running.url) as client:
            params = {"method": "mirror", "left": 8}
            client.wait(client.submit("outpaint", PICTURES / "cat.png", None, params).id)
        wait_for(lambda: not look(store).gauges.running)
        now = look(store)
    Console().print(draw(before, now))
    told = capsys.readouterr().out
    [columns] = (line.split() for line in told.splitlines() if line.startswith("paint-cpu "))
    _, waiting, oldest, workers, busy, done, failed = columns
    assert (waiting, oldest, failed) == ("0", "-", "0.0")
    assert int(workers) >= 1 and int(busy) <= int(workers)
    assert float(done) > 0


def test_result_is_shown_in_the_terminal(running: RunningUp, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    words = [
        "submit",
        "outpaint",
        PICTURES / "cat.png",
        "--method",
        "mirror",
        "--left",
        8,
        "--show",
    ]
    command = [sys.executable, "-m", "service.cli", *map(str, words), "-o", str(tmp_path / "o.png")]
    done = subprocess.Popen(
        [*command, "--url", running.url], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL
    )
    os.close(theirs)
    told = b""
    try:
        while chunk := os.read(ours, 65536):
            told += chunk
    except OSError:
        pass  # Linux: nobody writes to it any more.
    finally:
        os.close(ours)
    assert done.wait(PATIENCE_SECONDS) == 0
    # A terminal that answers no question gets colored blocks.
    assert told.count("▄".encode()) + told.count("▀".encode()) > 500
