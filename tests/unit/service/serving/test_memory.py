from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from service.serving.memory import MAPPED_BYTES, bound_idle_memory

ROOT = Path(__file__).parents[3]

_FREE_AND_LOOK = f"""
import ctypes, sys
from service.serving.memory import bound_idle_memory

if sys.argv[1] == "bounded":
    assert bound_idle_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.free(libc.malloc(4 * {MAPPED_BYTES}))
# The block before has taught glibc that such blocks come and go; a small one above holds it back.
block, above = libc.malloc(3 * {MAPPED_BYTES}), libc.malloc(100_000)
ctypes.memset(block, 1, 3 * {MAPPED_BYTES})

def read():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

before = read()
libc.free(block)
print((before - read()) // 1024)
"""


def has_mallopt() -> bool:
    return hasattr(ctypes.CDLL(None), "mallopt") and Path("/proc/self/status").exists()


@pytest.mark.skipif(not has_mallopt(), reason="needs glibc")
@pytest.mark.parametrize(("how", "expected"), [("bounded", True), ("as it is", False)])
def test_bound_idle_memory_gives_blocks_back_at_once(how: str, expected: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FREE_AND_LOOK, how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (int(done.stdout) >= 11) is expected


def test_bound_idle_memory_leaves_other_allocators_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert not bound_idle_memory()
