"""Measure an image without a container engine: `measure_image.py Dockerfile.api`.

Runs the commands of the Dockerfile's first stage in a folder of its own, with the Python and pip on
the PATH, and adds up the files that would be in the image, those of the base image as assumed.
Exits with 1 if an image of the API would be too large.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DEPLOY = Path(__file__).parent
ROOT = DEPLOY.parent

BASE_BYTES = 130_000_000
"""What docker lists for python:3.11-slim. Added up by hand it is less: 80 MB of Debian's packages
without documentation and translations, 38 MB of Python without tests and compiled modules."""

MOST_BYTES = {"Dockerfile.api": 250_000_000}


def read_instructions(dockerfile: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number of the stage, the name and the text of each instruction."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    stage = 0
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        if name:
            yield stage, name, rest


def build(dockerfile: Path, folder: Path) -> None:
    """Lay out in a folder what the first stage leaves, and compile what the last one does."""
    source = folder / "src"
    source.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ |= {"REQUIREMENTS": environ.get("REQUIREMENTS", "weightfree")}
    for stage, name, text in read_instructions(dockerfile):
        command = text.replace("/opt/paintjob", str(folder / "paintjob"))
        if (stage, name) == (1, "COPY"):
            copy(text.split()[:-1], text.split()[-1], source)
        elif (stage, name) == (1, "ENV"):
            environ |= dict(pair.split("=", 1) for pair in command.split())
        elif (stage, name) == (1, "RUN"):
            run(command, source, environ)
        elif name == "RUN" and text.startswith("python "):
            path = f"{folder}/paintjob/bin:{environ['PATH']}"
            compiled = {"PATH": path, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
            run(command.partition(" && chown")[0], folder, environ | compiled)


def copy(names: list[str], target: str, folder: Path) -> None:
    """Copy files and folders of the repository, as COPY does."""
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / target, symlinks=True)
        else:
            shutil.copy(ROOT / name, folder / target)


def run(command: str, folder: Path, environ: dict[str, str]) -> None:
    """Run a command of a Dockerfile; what it prints is shown if it fails."""
    done = subprocess.run(  # noqa: S603 - the repository's own commands
        ["/bin/sh", "-c", command], cwd=folder, env=environ, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout.decode()}{done.stderr.decode()}")


def weigh(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())


def main(name: str) -> int:
    """Measure an image, print its parts, and return the exit status."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build(DEPLOY / name, folder)
        parts = {
            "base image (assumed)": BASE_BYTES,
            "packages": weigh(folder / "paintjob"),
            "compiled modules": weigh(folder / "compiled"),
        }
    total, most = sum(parts.values()), MOST_BYTES.get(name)
    for part, size in {**parts, "sum": total}.items():
        print(f"{name}: {part}: {size / 1e6:.0f} MB")  # noqa: T201 - a command's output
    return int(most is not None and total > most)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
