"""Files for results, checked before anything is painted for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import typer

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".avif": "avif"}
"""`output_format` by suffix."""

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "avif": ".avif"}


def find_format(output: Path) -> str:
    """Return the format of a result's file.

    Raises:
        typer.BadParameter: its suffix is of none.
    """
    found = FORMATS.get(output.suffix.lower())
    if found is None:
        _refuse(f"the suffix must be one of {', '.join(FORMATS)}")
    return found


def check_output(output: Path) -> None:
    """Check that a result can be written: a painted one would be lost.

    Raises:
        typer.BadParameter: it cannot.
    """
    if output.is_dir():
        _refuse(f"{output} is a folder; name a file")
    if not output.parent.is_dir():
        _refuse(f"there is no folder {output.parent}; create it first")
    if not os.access(output.parent, os.W_OK | os.X_OK):
        _refuse(f"no file can be written in {output.parent}; check its permissions")


def number_output(output: Path, index: int, count: int) -> Path:
    """Return the file of one of several results: `out-0.png`; of a single one, `out.png`."""
    return output if count == 1 else output.with_stem(f"{output.stem}-{index}")


def _refuse(message: str) -> NoReturn:
    raise typer.BadParameter(message, param_hint="--output")
