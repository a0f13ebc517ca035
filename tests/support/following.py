"""A reader who does what a document says, piece by piece."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.brokers import find_free_port
from tests.support.documents import ROOT, Step
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.required import find_required

NEEDS = {"node": r"\bnode\b", "nginx": r"\bnginx -", "curl": r"\bcurl\b"}
"""Programs that not every machine has, and how a page shows that it needs them."""

STRICT = {
    # Without it curl ends well, whatever the service answers.
    "curl": 'exec {program} --silent --show-error --fail-with-body "$@"',
    # The tests' service is not where the command looks by itself.
    "paintjob": """case "$1" in
        submit|batch|batches|jobs) exec {program} "$@" --url "$SERVICE" ;;
        *) exec {program} "$@" ;;
    esac""",
}
"""Programs as the tests run them."""

_BINARIES = [Path(sys.executable).parent, ROOT / ".venv" / "clients" / "bin"]
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4}\b|(?<=--port )\d{4}\b|(?<=listen\()\d{4}\b")
_INTERPRETERS = {"sh": "bash", "bash": "bash", "python": sys.executable, "js": "node"}


def make_desk(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Put strict programs into a folder; return the environment in which they come first."""
    binaries = folder / "bin"
    binaries.mkdir()
    found = _join_paths(*_BINARIES)
    for name in STRICT:
        if program := shutil.which(name, path=found):
            write_strict(binaries / name, program)
    return {**os.environ, **environ, "PATH": _join_paths(binaries, *_BINARIES)}


def write_strict(file: Path, program: str) -> None:
    """Write a script that calls a program as the tests do."""
    file.write_text(f"#!/bin/sh\n{STRICT[file.name].format(program=program)}\n")
    file.chmod(0o755)


def follow(
    steps: Sequence[Step], folder: Path, environ: Mapping[str, str], ports: dict[str, str]
) -> None:
    """Do what the steps of a document say; skip the test where a program is missing.

    Args:
        steps: of the document, in its order.
        folder: where the reader works.
        environ: as `make_desk` returns it.
        ports: free ports that stand for those of the document; others are added.
    """
    done = [step for step in steps if step.kind in ("run", "serve", "file")]
    for program, trace in NEEDS.items():
        if any(re.search(trace, step.code) for step in done):
            find_required(program, environ["PATH"])
    with ExitStack() as running:
        for step in done:
            code = _PORT.sub(lambda found: _translate(found[0], ports), step.code)
            if step.kind == "file":
                (folder / step.argument).write_text(code)
            elif step.kind == "serve":
                port = int(_translate(step.argument, ports))
                running.enter_context(_serving(code, port, folder, environ))
            else:
                _run(step, code, folder, environ)


def _join_paths(*first: Path) -> str:
    return os.pathsep.join(map(str, [*first, os.environ["PATH"], "/usr/sbin"]))


def _translate(port: str, ports: dict[str, str]) -> str:
    """Return the free port that stands for one of the document."""
    return ports.setdefault(port, str(find_free_port()))


def _run(step: Step, code: str, folder: Path, environ: Mapping[str, str]) -> None:
    interpreter = _INTERPRETERS[step.language]
    file = folder / f"step-{step.line}.{'mjs' if step.language == 'js' else step.language}"
    file.write_text(f"set -eu\n{code}" if interpreter == "bash" else code)
    done = subprocess.run(
        [interpreter, file.name],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"line {step.line}:\n{code}\n{done.stdout}"


@contextmanager
def _serving(code: str, port: int, folder: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """Run a server of a page until the block ends; it has a process group of its own."""
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/bash", "-c", code],
            cwd=folder,
            env=environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(lambda: process.poll() is not None or _is_listening(port), log.read_text)
        assert process.poll() is None, f"{code}\n{log.read_text()}"
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
