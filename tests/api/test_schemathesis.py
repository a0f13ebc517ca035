"""schemathesis on the running app: `openapi.yaml` holds for requests that nobody thought of.

Left out, and why:
- The check `positive_data_acceptance`: a JSON Schema cannot say that a parameter goes with some
  methods only, that exactly one vocabulary says how far, or that a canvas has a limit; such
  requests fit the schema and are refused, with 422, on purpose.
- The coverage phase for valid requests (`--mode positive`): with strategies for media types it
  sends every other required field of a form as an empty text, and so takes broken requests for
  valid ones.

A worker paints what is accepted, so that links lead to results, masks and finished jobs as well.
`schema_hooks` adds a check: the code of each problem is one that the document names for that call.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import running_server
from tests.support.stack import running_stack

ROOT = Path(__file__).parents[2]
CONFIGURATION = """
[checks.negative_data_rejection]
# Too long a list may make a body that is refused for its size, before anybody reads it.
expected-statuses = ["4xx"]
"""


@pytest.fixture
def base_url(broker_url: str, tmp_path: Path) -> Iterator[str]:
    """URL of a real server on an empty broker, with a worker that fills holes at once."""
    settings = {"PAINTJOB_HTTP_WORKERS": "1", "PAINTJOB_HTTP_THREADS": "8"}
    with (
        running_server(broker_url, tmp_path, **settings) as server,
        running_stack(broker_url, tmp_path / "data", lease_seconds=10.0) as stack,
    ):
        stack.start_worker(engines="tests.support.engines:build_echoes")
        yield server.url
    # As an event: schemathesis also draws the word as a request id.
    assert '"event": "request_crashed"' not in server.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phases", "mode", "examples"),
    [("examples,fuzzing,stateful", "all", "12"), ("coverage", "negative", "12")],
)
def test_running_app_keeps_its_contract(
    base_url: str, tmp_path: Path, phases: str, mode: str, examples: str
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command: list[str | Path] = [
        *(Path(sys.executable).parent / "schemathesis", "run", ROOT / "openapi.yaml"),
        *("--url", base_url, "--phases", phases, "--mode", mode, "--max-examples", examples),
        *("--checks", "all", "--exclude-checks", "positive_data_acceptance"),
        *("--seed", "1", "--continue-on-failure", "--warnings", "off", "--no-color"),
        *("--request-timeout", "120"),
    ]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.schema_hooks"}
    environ["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2000:]
