"""Where compiled kernels are kept when their own folder cannot be written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = "NUMBA_CACHE_DIR"


@contextmanager
def kept_kernels(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Have numba use a private copy of its folder for the block, if that cannot be written.

    An image has compiled kernels, but numba does not read a folder that it cannot write, as under
    another user or a read-only root. Without a temporary folder it compiles at each start.
    The copy is this process's own: what lies in it is executed.
    """
    given = environ.get(FOLDER, "")
    folder = _make_folder() if given and not _is_writable(given) else None
    if folder is None:
        yield
        return
    try:
        with suppress(OSError, shutil.Error):
            shutil.copytree(given, folder, dirs_exist_ok=True)
        # The copies have the modes of what they were copied from.
        for copy in (folder, *folder.rglob("*/")):
            copy.chmod(0o700)
        environ[FOLDER] = str(folder)
        yield
    finally:
        environ[FOLDER] = given
        shutil.rmtree(folder, ignore_errors=True)


def _is_writable(folder: str) -> bool:
    """Return whether files can be made in a folder; it is made first, as numba does."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _make_folder() -> Path | None:
    try:
        return Path(tempfile.mkdtemp(prefix="paintjob-kernels-"))
    except OSError:
        return None
