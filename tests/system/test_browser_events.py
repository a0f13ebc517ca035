"""The readers of events in docs/browsers.md, run by Node as they stand there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.support.keys import bearer, make_key
from tests.support.pictures import mask, picture
from tests.support.server import running_server
from tests.support.stack import running_stack

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[2] / "docs" / "browsers.md"
CALLER = """
import { followJob } from "./events.mjs";
const [baseUrl, jobId, key] = process.argv.slice(2);
for await (const event of followJob(baseUrl, jobId, key)) {
  console.log(JSON.stringify([event.type, event.version, event.job?.status ?? null]));
}
"""


def _find_reader() -> str:
    blocks: list[str] = re.findall(r"```js\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (reader,) = [block for block in blocks if "export async function* followJob" in block]
    return reader


def test_fetch_reader_follows_a_job_with_its_key_in_a_header(
    broker_url: str, tmp_path: Path
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the PATH: the reader of docs/browsers.md is not run")
    (tmp_path / "events.mjs").write_text(_find_reader())
    (tmp_path / "caller.mjs").write_text(CALLER)
    settings = {"PAINTJOB_AUTH": "keys", "PAINTJOB_HTTP_WORKERS": "1"}
    with (
        running_stack(broker_url, tmp_path / "data") as stack,
        running_server(broker_url, tmp_path, **settings) as server,
    ):
        key = make_key(stack.store)
        files = {"image": picture(), "mask": mask()}
        posted = httpx2.post(f"{server.url}/inpaint", files=files, headers=bearer(key))
        job_id = posted.json()["id"]
        command = [node, "caller.mjs", server.url, job_id, key]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as following:
            assert following.stdout is not None
            first = following.stdout.readline()
            # Only now is there anybody to paint it, so the rest comes while the stream is open.
            stack.start_worker()
            lines = [first, *following.stdout.read().splitlines()]
    events = [json.loads(line) for line in lines]
    versions = [version for _, version, _ in events]
    assert events[0] == ["status", 1, None]
    assert versions == sorted(set(versions))
    assert events[-1][0] == "status"
    assert events[-1][2] == "succeeded"
