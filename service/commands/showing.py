"""A picture in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.console import Console

MAX_COLUMNS = 80
"""Cells of a terminal that a picture is wide, at most."""


def show_picture(path: Path) -> None:
    """Show a picture in the terminal: kitty, iTerm and sixel as it is, elsewhere in colored blocks.

    Does nothing where the output is no terminal.

    Raises:
        ValueError: the extra `terminal` is not installed.
    """
    if not sys.stdout.isatty():
        return
    try:
        # Imported here: the import asks the terminal for its abilities.
        from textual_image.renderable import Image
    except ModuleNotFoundError:
        raise ValueError(
            "install the extra `terminal` (pip install 'paintjob[terminal]') to show pictures"
        ) from None
    console = Console()
    try:
        console.print(Image(path, width=min(console.width, MAX_COLUMNS), height="auto"))
    except Exception as error:
        # Terminals answer the library's questions in many ways, and the result is saved.
        typer.echo(f"{path} cannot be shown in this terminal ({error})", err=True)
