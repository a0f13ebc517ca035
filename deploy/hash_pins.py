"""Write the hashes of every file of each pinned release beside its pin: `make hash-pins`.

Pins of `generate.txt`, and of `dev.txt`, which includes it, carry none: the build of torch is the
operator's choice, and pip wants hashes for all packages of an installation or for none.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pip._internal.req.constructors import install_req_from_line
from piptools.repositories import PyPIRepository

FOLDER = Path(__file__).parent / "requirements"
HASHED = (
    "api",
    "extras",
    "provenance",
    "weightfree",
    "erase",
    "find",
    "benchmarks",
    "gateway",
    "audit",
    "clients",
    "kubernetes",
)


def hash_file(path: Path, index: PyPIRepository) -> None:
    """Rewrite a requirements file, with the hashes that the index names."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join(_hash_lines(lines, index)) + "\n")


def _hash_lines(lines: Sequence[str], index: PyPIRepository) -> Iterator[str]:
    for line in lines:
        pin = line.removesuffix("\\").strip()
        if pin.startswith("--hash="):
            continue
        if not pin or pin.startswith(("#", "-r ")):
            yield line
            continue
        with index.allow_all_wheels():
            hashes = sorted(index.get_hashes(install_req_from_line(pin)))
        yield " \\\n    ".join([pin, *(f"--hash={each}" for each in hashes)])


def main(names: Sequence[str]) -> None:
    """Hash the pins of the named files, of all hashed ones by default."""
    with tempfile.TemporaryDirectory() as cache:
        index = PyPIRepository([], cache_dir=cache)
        for name in names or HASHED:
            hash_file(FOLDER / f"{name}.txt", index)


if __name__ == "__main__":
    main(sys.argv[1:])
