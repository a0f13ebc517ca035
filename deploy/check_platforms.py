"""Check that every pin of the images has a wheel for each processor: `make platforms`.

The index is asked which files there are; nothing is downloaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pip._internal.commands import create_command
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.target_python import TargetPython
from pip._vendor.packaging.requirements import Requirement

FOLDER = Path(__file__).parent / "requirements"
SETS = ("api", "extras", "weightfree", "provenance", "erase", "generate")
"""What the Dockerfiles install."""

PROCESSORS = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}

NEWEST_GLIBC = 36
"""Minor version of Debian 12's, the older of the systems that the base image was built on."""


def open_index(processor: str) -> PackageFinder:
    """Return pip's view of the index as Python 3.11 on a processor would have it."""
    command = create_command("download")
    options, _ = command.parse_args([])
    minors = range(NEWEST_GLIBC, 16, -1)
    tags = [*(f"manylinux_2_{minor}_{processor}" for minor in minors), f"manylinux2014_{processor}"]
    target = TargetPython(platforms=tags, py_version_info=(3, 11), implementation="cp")
    session = command._build_session(options)
    finder: PackageFinder = command._build_package_finder(options, session, target_python=target)
    return finder


def iter_pins(name: str) -> Iterator[Requirement]:
    """Yield the pins of a requirements file, without those of files that it includes."""
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        pin = line.removesuffix("\\").strip()
        if pin and not pin.startswith(("#", "-")):
            yield Requirement(pin)


def find_missing(names: Sequence[str], index: PackageFinder) -> list[str]:
    """Return the pins that have no wheel."""
    pins = {str(pin): pin for name in names for pin in iter_pins(name)}
    return [text for text, pin in pins.items() if not _has_wheel(pin, index)]


def _has_wheel(pin: Requirement, index: PackageFinder) -> bool:
    best = index.find_best_candidate(pin.name, specifier=pin.specifier).best_candidate
    return best is not None and best.link.is_wheel


def main() -> int:
    """Check all sets on all processors, and return the exit status."""
    failed = False
    for platform, processor in PROCESSORS.items():
        missing = find_missing(SETS, open_index(processor))
        failed = failed or bool(missing)
        print(f"{platform}: {', '.join(missing) or 'every pin has a wheel'}")  # noqa: T201 - output
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
