"""The health check of the API's image, run as docker runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from tests.support.brokers import find_free_port
from tests.support.server import running_server

DOCKERFILE = Path(__file__).parents[2] / "deploy" / "Dockerfile.api"


def _check(port: int) -> int:
    """Run the health check of the image; return its exit status."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    found = re.search(r"^HEALTHCHECK .*?\bCMD (\[.*\])$", text, flags=re.MULTILINE)
    assert found is not None
    environ = {**os.environ, "PAINTJOB_PORT": str(port)}
    command = json.loads(found[1])
    return subprocess.run(command, env=environ, check=False, stderr=subprocess.PIPE).returncode


def test_health_check_of_the_image_follows_the_port(broker_url: str, tmp_path: Path) -> None:
    with running_server(broker_url, tmp_path) as server:
        assert _check(server.port) == 0
        assert _check(find_free_port()) != 0
