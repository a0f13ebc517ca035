"""How much memory a piece of code needs at its peak, found out in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FRAME = """
import io, sys

def read(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

{setup}
path = sys.argv[1]
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
before = read("VmRSS")
{code}
print(read("VmHWM") - before)
"""


def measure_peak_bytes(setup: str, code: str, file: Path) -> int:
    """Return by how many bytes a process grows at its peak while it runs some code.

    Not by `ru_maxrss`: a child inherits that of the process that starts it.

    Args:
        setup: what is imported and done once before.
        code: what is measured; `path` names the file.
        file: what it works on.
    """
    program = _FRAME.format(setup=setup, code=code)
    command = [sys.executable, "-c", program, str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)
