"""Readers of streams read the results of a batch while they arrive."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import httpx2
import pytest

from tests.support.other_tools import TOOLS, need_python_tools, run
from tests.support.patience import wait_for
from tests.support.pictures import mask, picture

pytestmark = pytest.mark.slow

NAMES = ["0000-0.png", "0001-0.png", "manifest.json"]

PYTHON = """
import sys
from stream_unzip import stream_unzip

for name, _, pieces in stream_unzip(iter(lambda: sys.stdin.buffer.read(512), b"")):
    print(name.decode(), sum(map(len, pieces)))
"""

JAVA = """
import java.util.zip.ZipInputStream;

class Read {
    public static void main(String[] arguments) throws Exception {
        var zip = new ZipInputStream(System.in);
        for (var entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
            System.out.println(entry.getName() + " " + zip.readAllBytes().length);
        }
    }
}
"""


@pytest.fixture(scope="module")
def results(service_url: str) -> bytes:
    """The zip of a batch of two."""
    item = {
        "operation": "inpaint",
        "image": b64encode(picture()).decode(),
        "mask": b64encode(mask()).decode(),
    }
    with httpx2.Client(base_url=service_url) as client:
        batch = client.post("/batches", json={"items": [item, item]}).json()
        url = batch["links"]["self"]
        wait_for(lambda: client.get(url).json()["status"] == "ended")
        return client.get(f"{url}/results.zip").content


def _read(*command: str | Path, zipped: bytes) -> list[str]:
    """Pipe a zip through a program, and return the names that it has read."""
    done = subprocess.run(command, input=zipped, capture_output=True, check=True)
    return [line.split()[0] for line in done.stdout.decode().splitlines()]


def test_stream_unzip_reads_the_results(results: bytes) -> None:
    need_python_tools()
    assert _read(TOOLS / "bin" / "python", "-c", PYTHON, zipped=results) == NAMES


def test_java_streams_read_the_results(results: bytes, tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("no javac: the zip is not read by Java here")
    (tmp_path / "Read.java").write_text(JAVA)
    run("javac", "Read.java", folder=tmp_path)
    assert _read("java", "-cp", tmp_path, "Read", zipped=results) == NAMES
