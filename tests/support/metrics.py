"""Reads metrics of processes under test, and has Prometheus' own tool check them."""

from __future__ import annotations

import re
import shutil
import subprocess

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.patience import PATIENCE_SECONDS

Found = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by name and labels."""

PROMTOOL = shutil.which("promtool")


def fetch_metrics(port: int) -> str:
    """Return the text of `GET /metrics` on a port of this machine."""
    answer = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.text


def parse_metrics(text: str) -> Found:
    """Return the samples of a text in Prometheus' format."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value_of(text: str, name: str, **labels: str) -> float:
    """Return the sum of the samples that have a name and these labels; 0 of none."""
    wanted, found = frozenset(labels.items()), parse_metrics(text).items()
    return sum(value for (shown, has), value in found if shown == name and wanted <= has)


def check_with_promtool(text: str) -> None:
    """Check metrics by `promtool check metrics`, which knows Prometheus' conventions.

    Without the tool the test is skipped, after all that it checked before.
    """
    run_promtool("check", "metrics", text=text)


def run_promtool(*arguments: str, text: str = "") -> None:
    """Run Prometheus' tool, which must find nothing to say but on standard output."""
    if PROMTOOL is None:
        pytest.skip("promtool is not here: apt-get install prometheus")
    done = subprocess.run(
        [PROMTOOL, *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def find_metrics_port(log: str) -> int:
    """Return the port that a process logged for its metrics; 0 before it did."""
    found = re.search(r'"event": "metrics_served".*?"port": (\d+)', log)
    return int(found[1]) if found else 0
