"""The tools for assistants, called by the protocol's own client over standard streams."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from service.client import PaintjobClient
from tests.support.deployment import ROOT, running_up

pytestmark = pytest.mark.slow

BOX = (40, 30, 90, 70)
Call = tuple[str, Mapping[str, Any]]


def call(url: str, folder: Path, calls: Sequence[Call]) -> list[CallToolResult]:
    """Start the server as an assistant does, and call its tools in turn."""
    command = ["-m", "service.cli", "mcp", "--url", url, "--folder", str(folder)]

    async def run() -> list[CallToolResult]:
        server = StdioServerParameters(command=sys.executable, args=command, cwd=str(ROOT))
        async with Client(server) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {"inpaint", "outpaint", "find", "job_status"}
            return [await client.call_tool(name, dict(arguments)) for name, arguments in calls]

    return asyncio.run(run())


def text(result: CallToolResult) -> str:
    [first, *_] = result.content
    assert isinstance(first, TextContent)
    return first.text


def test_assistant_paints_with_the_files_of_its_folder_and_with_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(ROOT / "demo" / "pictures" / "rocket.jpg", folder / "rocket.jpg")
    shutil.copy(folder / "rocket.jpg", tmp_path / "outside.jpg")
    region = {"box": list(BOX)}
    with running_up(PAINTJOB_SELF_MODEL="false") as up:
        filled, wide, *refused = call(
            up.url,
            folder,
            [
                ("inpaint", {"image": "rocket.jpg", "output": "filled.png", "regions": [region]}),
                ("outpaint", {"image": "rocket.jpg", "output": "wide.png", "right": 32}),
                ("inpaint", {"image": "../outside.jpg", "output": "o.png", "regions": [region]}),
                ("inpaint", {"image": "rocket.jpg", "output": "../o.png", "regions": [region]}),
                ("inpaint", {"image": "rocket.jpg", "output": "rocket.jpg", "regions": [region]}),
                ("inpaint", {"image": "rocket.jpg", "output": "o.png"}),
                ("outpaint", {"image": "rocket.jpg", "output": "o.png", "right": 32, "sed": 7}),
                ("job_status", {"job_id": "job_x"}),
            ],
        )
        told = json.loads(text(filled))
        [status] = call(up.url, folder, [("job_status", {"job_id": told["job_id"]})])
        with PaintjobClient(up.url) as client:
            assert client.get_job(told["job_id"]).status == told["status"] == "succeeded"
    assert json.loads(text(status))["status"] == "succeeded"
    assert told["files"][0]["file"] == "filled.png"
    assert told["files"][0]["kept_pixels_changed"] == 0
    assert isinstance(filled.content[1], ImageContent)
    assert all(result.is_error for result in refused)
    outside, above, existing, mask_missing, misspelled, unknown = map(text, refused)
    assert "outside the folder" in outside
    assert "outside the folder" in above
    assert "exists; name another file" in existing
    assert "/mask: is required" in mask_missing
    assert "sed\n  Extra inputs are not permitted" in misspelled
    assert "there is no such job" in unknown
    assert not wide.is_error
    with Image.open(folder / "rocket.jpg") as before, Image.open(folder / "wide.png") as after:
        assert after.size == (before.width + 32, before.height)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "filled.png",
        "outside.jpg",
        "rocket.jpg",
        "wide.png",
    ]
