"""The dearest requests: CPU seconds and memory of hostile ones, one at a time, beside the goals.

The tests compare these with plain requests of the same length (`tests/faults/test_costs.py`); here
are the seconds, which depend on the machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from tests.support.broker import running_broker
from tests.support.costs.figures import read_figures

GOAL_SECONDS = 1.5
SHOWN = 20


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="pj-bench-") as folder, running_broker() as broker:
        command = [sys.executable, "-m", "tests.support.costs", broker.url, folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures = read_figures(done.stdout)
    costs = sorted(figures.hostile.items(), key=lambda item: -item[1].cpu_seconds)
    for name, cost in costs[:SHOWN]:
        ratio = cost.cpu_seconds / figures.plain_seconds(cost)
        print(
            f"{cost.cpu_seconds:6.2f} s CPU, {ratio:5.1f} times a plain one, "
            f"{cost.extra_bytes / 2**20:4.0f} MiB, {cost.body_bytes / 1000:7.1f} kB  {name}"
        )
    largest = max(cost.extra_bytes for cost in figures.hostile.values())
    print(f"{len(costs)} requests; most memory {largest / 2**20:.0f} MiB")
    late = [name for name, cost in costs if cost.cpu_seconds > GOAL_SECONDS]
    print(f"above the goal of {GOAL_SECONDS} s: {', '.join(late) or 'none'}")


if __name__ == "__main__":
    main()
