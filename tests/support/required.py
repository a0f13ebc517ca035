"""Programs that tests need and pip does not install."""

from __future__ import annotations

import os
import shutil

import pytest


def find_required(name: str, path: str | None = None) -> str:
    """Return the path of a program; skip the test without it, except where it must be there.

    `TESTS_REQUIRE` names those that must be, separated by commas: what every change must pass
    installs them.

    Args:
        name: of the program.
        path: where to look instead of `PATH`.
    """
    found = shutil.which(name, path=f"{path or os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and name in os.environ.get("TESTS_REQUIRE", "").split(","):
        pytest.fail(f"{name} is not installed")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found
