"""What starting costs: CPU and memory of importing each program's entry, in fresh processes.

Run it from the root of the repository: `python -m benchmarks.start_time`. The goal for the API is
half a second on a quiet machine.
"""

from __future__ import annotations

import subprocess
import sys

ENTRIES = ("service.api.app", "service.cli", "service.courier.main", "worker.main", "worker.child")
REPEATS = 5

_PROGRAM = """
import time
started = time.process_time()
import {entry}
seconds = time.process_time() - started
with open("/proc/self/status") as file:
    resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
print(seconds, resident / 1024)
"""


def main() -> None:
    """Measure and print."""
    for entry in ENTRIES:
        seconds, mebibytes = min(measure(entry) for _ in range(REPEATS))
        print(f"{entry}: {seconds:.2f} s of CPU, {mebibytes:.0f} MiB")


def measure(entry: str) -> tuple[float, float]:
    """Return CPU seconds and resident MiB of a fresh process that imports a module."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(entry=entry)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, mebibytes = map(float, done.stdout.split())
    return seconds, mebibytes


if __name__ == "__main__":
    main()
