"""How much memory a method needs at its peak, measured in a process of its own.

`python -m benchmarks.weightfree.memory METHOD PICTURE MASK WIDTH HEIGHT` prints megabytes.
"""

from __future__ import annotations

import ctypes
import gc
import resource
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.weightfree.cases import Case, erase
from benchmarks.weightfree.peers import METHODS
from benchmarks.weightfree.run import Result, choose_methods, warm_up

TIMEOUT_SECONDS = 300


def measure_memory(case: Case, name: str) -> Result:
    """Measure a method in a case whose size is exact.

    Args:
        case: with `size`.
        name: of the method.
    """
    width, height = case.size or (case.side, case.side)
    command = [sys.executable, "-m", "benchmarks.weightfree.memory", name, case.picture, case.mask]
    command += [str(width), str(height)]
    empty = Result(case, name)
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=True)
    except subprocess.SubprocessError as error:
        return replace(empty, error=type(error).__name__)
    return replace(empty, extra_megabytes=float(done.stdout))


def list_methods(case: Case, names: list[str]) -> list[str]:
    """Return the methods that take part in a case of this hole."""
    hole = int((case.load()[1] > 0).sum())
    return [method.name for method in choose_methods(case, names) if hole <= method.max_hole]


def main(name: str, case: Case) -> float:
    """Paint once and give the peak over what was there before, in MB of 10^6 bytes."""
    image, mask = case.load()
    erased = erase(image, mask)
    warm_up([name])
    before = _forget_peak()
    METHODS[name].paint(erased, mask, 0)
    return max(0.0, (_peak_bytes() - before) / 1e6)


def _forget_peak() -> int:
    """Make the peak start from what is in use now; gives it.

    Compiling and loading may have needed more than painting does, and what they freed would be
    used again unseen if the allocator kept it.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    # Elsewhere than on Linux the peak of warming up counts as having been there before.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    chosen, picture, kind, wide, high = sys.argv[1:]
    print(main(chosen, Case("memory", picture, kind, size=(int(wide), int(high)))))
