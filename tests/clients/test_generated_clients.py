"""Clients that nobody wrote by hand paint a picture, by the programs of the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.other_tools import (
    DOCUMENT,
    PACKAGES,
    TOOLS,
    need_packages,
    need_python_tools,
    read_block,
    read_program,
    run,
)

pytestmark = pytest.mark.slow

ACCEPTED = re.compile(
    r"OpenAPI 3\.1 support is still in beta"
    r"|Failed to get the schema name: null"
    r"|range \(reserved word\) cannot be used as parameter name"
    r"|string \(reserved word\) cannot be used as model name"
    r"|Ignoring complex example on request body"
)
"""Warnings of openapi-generator, with their reasons in docs/generated-clients.md."""

_BRIEF = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
"""Options of Java for a run of seconds: half of the time."""

_SOURCES_ALONE = (
    "--global-property",
    "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false",
)

TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "target": "es2022",
        "module": "nodenext",
        "types": ["node"],
        "outDir": "built",
    },
    "include": ["*.ts", "client"],
}


def _generate(language: str, document: str | Path, folder: Path, *options: str) -> Path:
    """Generate a client, and return its folder; every warning is one that is accepted."""
    target = folder / "client"
    command = ["openapi-generator-cli", "generate", "-i", document, "-g", language, "-o", target]
    written = run(*command, *_SOURCES_ALONE, *options, folder=folder, environ=_BRIEF).splitlines()
    warnings = [line for line in written if re.search(r"\] (WARN|ERROR) ", line)]
    assert [line for line in warnings if not ACCEPTED.search(line)] == []
    return target


@pytest.mark.parametrize("kind", ["json", "form"])
def test_openapi_generator_writes_python_that_paints(
    service_url: str, folder: Path, expected: bytes, kind: str
) -> None:
    need_python_tools()
    # As in the documentation: the file has both kinds of body, and JSON comes first.
    document = DOCUMENT if kind == "json" else f"{service_url}/openapi.yaml?body=form"
    client = _generate("python", document, folder)
    number = ["json", "form"].index(kind)
    program = folder / "paint.py"
    program.write_text(read_program("Python: openapi-generator", "python", service_url, number))
    run(TOOLS / "bin" / "python", program, folder=folder, environ={"PYTHONPATH": str(client)})
    assert (folder / "result.png").read_bytes() == expected


@pytest.mark.parametrize(("language", "options"), [("go", ()), ("java", ("--library", "native"))])
def test_openapi_generator_writes_each_call_once(
    folder: Path, language: str, options: tuple[str, ...]
) -> None:
    need_python_tools()
    client = _generate(language, DOCUMENT, folder, *options)
    sources = "".join(file.read_text() for file in client.rglob(f"*.{language}"))
    for call in ("createInpaint", "getJob", "createBatch", "getBatchResults"):
        assert re.search(rf"\b{call}\b", sources, re.IGNORECASE), call
    # A generic type has no class object in Java.
    assert ">.class" not in sources


def _build_program(folder: Path, heading: str, service_url: str) -> None:
    """Compile the program of a section strictly, and run it."""
    (folder / "paint.ts").write_text(read_program(heading, "ts", service_url))
    run("tsc", "--project", folder, folder=folder)
    run("node", folder / "built" / "paint.js", folder=folder)


def _prepare(folder: Path) -> None:
    """Make a folder a package of TypeScript, with the packages of npm."""
    (folder / "node_modules").symlink_to(PACKAGES)
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    (folder / "tsconfig.json").write_text(json.dumps(TSCONFIG))


def test_openapi_typescript_and_fetch_paint(
    service_url: str, folder: Path, expected: bytes
) -> None:
    need_packages()
    _prepare(folder)
    written = run("openapi-typescript", DOCUMENT, "-o", "paintjob.d.ts", folder=folder)
    assert not re.search("warn", written, re.IGNORECASE), written
    _build_program(folder, "TypeScript: openapi-typescript and openapi-fetch", service_url)
    assert (folder / "result.png").read_bytes() == expected


def test_hey_api_writes_typescript_that_paints(
    service_url: str, folder: Path, expected: bytes
) -> None:
    need_packages()
    _prepare(folder)
    heading = "TypeScript: @hey-api/openapi-ts"
    (folder / "openapi.yaml").symlink_to(DOCUMENT)
    (folder / "openapi-ts.config.mjs").write_text(read_block(heading, "js"))
    written = run("openapi-ts", folder=folder)
    assert not re.search("warn", written, re.IGNORECASE), written
    _build_program(folder, heading, service_url)
    assert (folder / "result.png").read_bytes() == expected
