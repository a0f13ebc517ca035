from __future__ import annotations

import sys
from pathlib import Path

import pytest

from service.local import processes
from service.local.processes import ChildProcess
from tests.support.patience import wait_for


def test_log_is_bounded_while_its_program_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_MAX_LOG_BYTES", 100_000)
    monkeypatch.setattr(processes, "_LOG_POLL_SECONDS", 0.0)
    log, before = tmp_path / "logs" / "a.log", tmp_path / "logs" / "a.log.1"
    code = "import time\nwhile True: print('x' * 999, flush=True); time.sleep(0.0001)"
    child = ChildProcess("a", [sys.executable, "-c", code], lambda _: {}, log)
    child.start()
    try:

        def is_cut() -> bool:
            child.tend()
            return before.exists()

        wait_for(is_cut)
        # It writes on into the file, which begins anew.

        def is_short() -> bool:
            child.tend()
            return 0 < log.stat().st_size < 100_000

        wait_for(is_short)
        assert before.stat().st_mode & 0o777 == 0o600
        assert before.read_bytes().startswith(b"x")
    finally:
        child.kill()
