from __future__ import annotations

from pathlib import Path

from worker.kernels import FOLDER, kept_kernels


def test_kernels_are_used_from_a_private_copy_where_their_folder_cannot_be_written() -> None:
    # Nobody can write here, not even root.
    environ = {FOLDER: "/proc/nowhere"}
    with kept_kernels(environ):
        copy = Path(environ[FOLDER])
        assert copy != Path("/proc/nowhere")
        assert copy.stat().st_mode & 0o777 == 0o700
    assert not copy.exists()
    assert environ == {FOLDER: "/proc/nowhere"}


def test_folder_that_can_be_written_is_used_itself(tmp_path: Path) -> None:
    for environ in ({FOLDER: str(tmp_path)}, {}):
        before = dict(environ)
        with kept_kernels(environ):
            assert environ == before
