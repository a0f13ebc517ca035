"""Samples the stacks of the process that imports it: Python does at its start if it is on the path.

`STACK_SAMPLES` names a folder; without it nothing happens. Every few milliseconds, what each thread
has used of the processor since the last sample counts for the place where the thread is now: the
functions on its stack that lie in `service`, `worker` and `benchmarks`, innermost first, else the
name of a library. Each process writes the seconds by place to a file of its own, `{pid}.json`.
Nothing of ours is imported: the sampled processes must load what they load without it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import CodeType, FrameType

INTERVAL_SECONDS = 0.003
SAVED_EVERY = 100
"""Samples between two writes of the file."""

SWITCH_SECONDS = 0.0005
"""After which another thread lets the sampling one run: else it is seen too late."""

SAMPLING = "sampling"
"""The place of the sampling thread itself."""

ROOT = f"{Path(__file__).resolve().parents[2]}{os.sep}"
OWN = tuple(f"{ROOT}{folder}{os.sep}" for folder in ("service", "worker", "benchmarks"))
LIBRARIES = f"site-packages{os.sep}"


class Sampler:
    """Adds up the CPU seconds of this process by place.

    Args:
        folder: where the file goes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, float] = {}
        self._used: dict[int, float] = {}

    def start(self) -> None:
        """Begin anew, and take samples from now on."""
        self._places.clear()
        self._used.clear()
        sys.setswitchinterval(SWITCH_SECONDS)
        threading.Thread(target=self._run, name="sampler", daemon=True).start()

    def _run(self) -> None:
        for number in count(1):
            time.sleep(INTERVAL_SECONDS)
            self._take()
            if number % SAVED_EVERY == 0:
                self._save()

    def _take(self) -> None:
        own = threading.get_ident()
        for ident, top in sys._current_frames().items():
            used = time.clock_gettime(time.pthread_getcpuclockid(ident))
            passed = used - self._used.get(ident, 0.0)
            # A thread's number is used again, and the new one begins below the old.
            self._used[ident] = used
            if passed > 0:
                place = SAMPLING if ident == own else describe(top)
                self._places[place] = self._places.get(place, 0.0) + passed

    def _save(self) -> None:
        path = self._folder / f"{os.getpid()}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self._places))
        part.replace(path)


def describe(frame: FrameType) -> str:
    """Return the place of a stack: our functions on it, or the library or file it is in."""
    codes = list(_walk(frame))
    own = [
        f"{code.co_filename.removeprefix(ROOT)}:{code.co_name}"
        for code in codes
        if code.co_filename.startswith(OWN)
    ]
    if own:
        return " ".join(own)
    libraries = [code.co_filename for code in codes if LIBRARIES in code.co_filename]
    if libraries:
        return libraries[0].rpartition(LIBRARIES)[2].partition(os.sep)[0]
    return Path(codes[0].co_filename).stem


def _walk(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


if os.environ.get("STACK_SAMPLES"):
    sampler = Sampler(Path(os.environ["STACK_SAMPLES"]))
    sampler.start()
    if "gunicorn" in sys.orig_argv:
        # A process that it forks has no thread of its parent's. Others become another program.
        os.register_at_fork(after_in_child=sampler.start)
