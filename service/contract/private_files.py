"""Files and folders that only their owner can read, whatever the umask."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def keep_files_private() -> None:
    """Make every file and folder that this process creates readable by its owner alone."""
    os.umask(0o077)


def make_private_folder(path: Path) -> None:
    """Create a folder with mode 0700, or give this mode to one that exists.

    Raises:
        OSError: the folder cannot be created.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    # A folder of somebody else, which only its group may share, keeps its mode.
    with suppress(PermissionError):
        path.chmod(0o700)
