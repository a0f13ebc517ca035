"""The version that this process runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def get_version() -> str:
    """Return the installed distribution's version, or `0+unknown` if it is not installed."""
    try:
        return version("paintjob")
    except PackageNotFoundError:
        return "0+unknown"
