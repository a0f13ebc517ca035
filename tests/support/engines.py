"""The zoo: engines that misbehave, each in one way, chosen by a job's first tag.

`PAINTJOB_ENGINES=tests.support.engines:build_engines` puts them into a real horse. Tags:
`zoo:echo`, `zoo:slow:STEPS:SECONDS` (a step takes so long), `zoo:until:FILE` (step after step until
FILE is there), `zoo:raise`, `zoo:memory`, `zoo:wrong_size`, `zoo:wrong_type`, `zoo:exit`,
`zoo:kill`, `zoo:kill_once:FILE` (only while FILE is absent), `zoo:hang:SECONDS` (in one call,
without a step), `zoo:hold_gil:SECONDS` (likewise, and no other thread of the horse can run),
`zoo:segfault`, `zoo:flood:MEGABYTES` (writes to stdout and stderr), `zoo:leak_files:COUNT`,
`zoo:take_memory:MEGABYTES`, `zoo:lose_device_once:FILE` (only while FILE is absent).
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from service.contract.catalogue import Catalogue
from service.contract.finders import GRABCUT
from service.contract.jobs import Recipe
from service.contract.methods import METHODS
from tests.support.finders import ColorFinder
from worker.config import WorkerSettings
from worker.engines.base import Canvas, Engine, Painted, StepCallback
from worker.engines.diffusion.faults import DeviceLost
from worker.engines.finders.base import Finder
from worker.engines.models import GroupModel, ModelEngines
from worker.imaging import ImageArray


class Zoo:
    """An engine that does what the first tag of each canvas says."""

    def load(self) -> Recipe:
        return Recipe(engine="zoo")

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        return [Painted(self._paint(canvas, on_step)) for canvas in canvases]

    def _paint(self, canvas: Canvas, on_step: StepCallback) -> ImageArray:
        tag = (canvas.params.tags or ["zoo:echo"])[0]
        _, kind, *arguments = tag.split(":")
        return BEHAVIORS[kind](canvas, on_step, *arguments)


def _echo(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    on_step(1, 1)
    painted = canvas.image.copy()
    painted[canvas.mask > 0] = canvas.seed % 256
    return painted


def _slow(canvas: Canvas, on_step: StepCallback, steps: str, seconds: str) -> ImageArray:
    for step in range(int(steps)):
        time.sleep(float(seconds))
        on_step(step + 1, int(steps))
    return _echo(canvas, on_step)


def _until(canvas: Canvas, on_step: StepCallback, file: str) -> ImageArray:
    while not Path(file).exists():
        on_step(1, 2)
        time.sleep(0.02)
    return _echo(canvas, on_step)


def _raise(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    raise RuntimeError("the zoo was told to raise")


def _memory(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    raise MemoryError


def _wrong_size(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    return canvas.image[:-1]


def _wrong_type(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    return canvas.image.astype(np.float32)


def _exit(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    os._exit(7)


def _kill(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    os.kill(os.getpid(), signal.SIGKILL)
    return canvas.image


def _kill_once(canvas: Canvas, on_step: StepCallback, file: str) -> ImageArray:
    if not Path(file).exists():
        Path(file).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _echo(canvas, on_step)


def _lose_device_once(canvas: Canvas, on_step: StepCallback, file: str) -> ImageArray:
    if not Path(file).exists():
        Path(file).touch()
        raise DeviceLost("the zoo was told to lose its device")
    return _echo(canvas, on_step)


def _hang(canvas: Canvas, on_step: StepCallback, seconds: str) -> ImageArray:
    time.sleep(float(seconds))
    return _echo(canvas, on_step)


def _hold_gil(canvas: Canvas, on_step: StepCallback, seconds: str) -> ImageArray:
    # PyDLL keeps the interpreter's lock during the call, as a broken extension would.
    ctypes.PyDLL(None).sleep(int(seconds))
    return _echo(canvas, on_step)


def _segfault(canvas: Canvas, on_step: StepCallback) -> ImageArray:
    ctypes.string_at(0)
    return canvas.image


def _flood(canvas: Canvas, on_step: StepCallback, megabytes: str) -> ImageArray:
    for _ in range(int(megabytes)):
        os.write(1, b"x" * 1_000_000 + b"\n")
        os.write(2, b"y" * 1_000_000 + b"\n")
    return _echo(canvas, on_step)


def _leak_files(canvas: Canvas, on_step: StepCallback, count: str) -> ImageArray:
    for _ in range(int(count)):
        os.dup(0)
    return _echo(canvas, on_step)


def _take_memory(canvas: Canvas, on_step: StepCallback, megabytes: str) -> ImageArray:
    # Filled, so that it counts; a step each, so that only memory can stop it.
    pieces = []
    for step in range(int(megabytes) // 64):
        pieces.append(np.ones(64 * 2**20, np.uint8))
        on_step(step, int(megabytes) // 64)
    return _echo(canvas, on_step)


BEHAVIORS: dict[str, Callable[..., ImageArray]] = {
    "echo": _echo,
    "slow": _slow,
    "until": _until,
    "raise": _raise,
    "memory": _memory,
    "wrong_size": _wrong_size,
    "wrong_type": _wrong_type,
    "exit": _exit,
    "kill": _kill,
    "kill_once": _kill_once,
    "lose_device_once": _lose_device_once,
    "hang": _hang,
    "hold_gil": _hold_gil,
    "segfault": _segfault,
    "flood": _flood,
    "leak_files": _leak_files,
    "take_memory": _take_memory,
}


class Echo(Zoo):
    """The one tame animal: it fills the hole at once, whatever the tags say."""

    def _paint(self, canvas: Canvas, on_step: StepCallback) -> ImageArray:
        return _echo(canvas, on_step)


class ZooRegistry:
    """Serves every method of the catalogue with the zoo."""

    def __init__(self, zoo: Zoo | None = None) -> None:
        self._zoo = zoo or Zoo()

    def get(self, operation: str, method: str, model: str | None) -> Engine:
        return self._zoo

    def get_finder(self, name: str) -> Finder:
        return ColorFinder(GRABCUT)

    def methods(self) -> list[tuple[str, str]]:
        return [(method.operation, method.name) for method in METHODS]

    def models(self) -> list[str]:
        return []

    def loaded_models(self) -> list[str]:
        return []

    def warm(self) -> None:
        self._zoo.load()


class SlowLoader(Zoo):
    """The zoo behind a model that takes its time to load."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.is_loaded = False

    def load(self) -> Recipe:
        if not self.is_loaded:
            time.sleep(self._seconds)
        self.is_loaded = True
        return super().load()

    def unload(self) -> None:
        self.is_loaded = False


def build_slow_loaders(settings: WorkerSettings, catalogue: Catalogue) -> ModelEngines:
    """Return a group of two models, of which the second loads for a second."""
    models = {"quick": GroupModel(SlowLoader(0.0), 1), "slow": GroupModel(SlowLoader(1.0), 1)}
    return ModelEngines(models, "quick", settings.model_memory_bytes)


def build_engines(settings: WorkerSettings, catalogue: Catalogue) -> ZooRegistry:
    return ZooRegistry()


def build_echoes(settings: WorkerSettings, catalogue: Catalogue) -> ZooRegistry:
    return ZooRegistry(Echo())


class Patient(Zoo):
    """Paints step after step until a file is there, whatever the tags say.

    Args:
        released: that file.
    """

    def __init__(self, released: Path) -> None:
        self._released = released

    def _paint(self, canvas: Canvas, on_step: StepCallback) -> ImageArray:
        return _until(canvas, on_step, str(self._released))


def build_patients(settings: WorkerSettings, catalogue: Catalogue) -> ZooRegistry:
    """Build engines that wait for `Stack.release()`."""
    return ZooRegistry(Patient(settings.data_dir / "released"))


def build_deaths(settings: WorkerSettings, catalogue: Catalogue) -> ZooRegistry:
    """Build engines whose driver ends the process that loads them."""
    os._exit(7)
