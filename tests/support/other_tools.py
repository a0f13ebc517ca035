"""Tools of others in `.venv/clients`, and the programs of the documentation."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv" / "clients"
PACKAGES = TOOLS / "npm" / "node_modules"
DOCUMENT = ROOT / "openapi.yaml"

_PROGRAMS = ROOT / "docs" / "generated-clients.md"
_URL = "http://127.0.0.1:8080"
_SILENT = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def need_python_tools() -> None:
    """Skip the test, and say so, where the environment was not made."""
    if not (TOOLS / "bin" / "openapi-generator-cli").exists():
        pytest.skip("no .venv/clients: `make test-clients` makes it")


def need_packages() -> None:
    """Skip the test, and say so, where npm could not install."""
    need_python_tools()
    if not (PACKAGES / ".bin" / "tsc").exists():
        pytest.skip("no packages in .venv/clients/npm: npm could not install them")


def run(*command: str | Path, folder: Path, environ: Mapping[str, str] | None = None) -> str:
    """Run a tool, check that it succeeds, and return all that it has written.

    Args:
        command: the tool and its arguments.
        folder: where it runs.
        environ: further environment.
    """
    path = os.pathsep.join([str(PACKAGES / ".bin"), str(TOOLS / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **_SILENT, **(environ or {}), "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def read_block(heading: str, language: str, index: int = 0) -> str:
    """Return a block of code of the documentation.

    Args:
        heading: of its section.
        language: of the block.
        index: of the block among those of its section in this language.
    """
    section = _PROGRAMS.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(blocks[index])


def read_program(heading: str, language: str, url: str, index: int = 0) -> str:
    """Return a program of the documentation that calls a service at this URL."""
    found = read_block(heading, language, index)
    assert _URL in found
    return found.replace(_URL, url)
