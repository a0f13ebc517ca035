"""What erasers cost beside their bare nets, and our own share of a whole job.

Run it from the root of the repository; it takes some minutes:

    python -m benchmarks.erasers [--out docs/benchmarks/erasers.md]

The nets are of the published sizes, with random weights: MI-GAN's as a graph of its kinds of
layers, LaMa's as our own module. CPU time of this process, which a busy machine changes little:

- *ratio*: painting by the engine, with crop and blend, over the bare call on the same input; the
  median of pairs taken in turns.
- *own*: a whole job from its files to the proven result, with a net that returns its input with a
  drift.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Before torch is imported: spinning barriers make a busy machine four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from service.contract.catalogue import ModelEntry
from service.contract.params import InpaintParams
from service.store.blobs import BlobStore
from tests.support.pictures import encode, make_rgb
from tests.unit.worker.operations.recording import RecordingReporter, inpaint_job
from worker.engines.base import Canvas
from worker.engines.diffusion.lama.eraser import Lama
from worker.engines.diffusion.lama.net import LamaNet, LamaShape
from worker.engines.erasers.engine import EraserEngine
from worker.engines.erasers.mi_gan import load_mi_gan, make_input
from worker.engines.erasing import Check, EraserNet, Floats, NetInputs, NetSettings
from worker.engines.registry import QueueEngines
from worker.operations.paint import paint

THREADS: Final = 2
RUNS: Final = 9
FEW_RUNS: Final = 3
SLOW_SECONDS: Final = 4.0
OWN_GOAL_MILLISECONDS: Final = 60
CHANNELS: Final = (64, 128, 256, 512, 512, 512, 512, 512)
"""Of MI-GAN's features at each halving of 512 pixels."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, its value, and its goal."""

    name: str
    value: str
    goal: str


class Echo:
    """A net that costs next to nothing: it returns the picture with a drift, to be blended."""

    side: int | None = 512
    repaints_all = True

    def count_steps(self, settings: NetSettings) -> int:
        """Return 1."""
        return 1

    def erase(self, inputs: NetInputs, check: Check) -> Floats:
        """Return what the engine takes for painted."""
        return np.stack([image.astype(np.float32) / 262 + 0.02 for image in inputs.images])

    def describe(self) -> Mapping[str, Any]:
        """Return what a recipe says."""
        return {"engine": "none", "device": "cpu", "versions": {}}


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description="Measure what erasers cost beside their nets.")
    parser.add_argument("--out", type=Path, help="file of the table, in Markdown")
    out = parser.parse_args().out
    cv2.setNumThreads(1)
    torch.set_num_threads(THREADS)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        for row in measure(Path(directory)):
            print(f"{row.name}: {row.value}; {row.goal}", flush=True)
            rows.append(row)
    if out is not None:
        out.write_text(describe(rows), encoding="utf-8")


def measure(folder: Path) -> Iterator[Row]:
    """Yield the rows of the table."""
    yield measure_own(folder)
    yield measure_mi_gan(folder)
    yield from measure_lama()


def measure_mi_gan(folder: Path) -> Row:
    """Compare one crop of 512 pixels a side with the bare run of onnxruntime."""
    file = write_mi_gan(folder / "migan.onnx")
    entry = ModelEntry(name="m", family="mi-gan", source=str(file))
    net = load_mi_gan(entry, THREADS)

    def bare(inputs: NetInputs) -> Callable[[], Any]:
        given = {"input": make_input(inputs.images[0], inputs.masks[0])[None]}
        return lambda: net._graph._session.run(None, given)

    name = "MI-GAN, 512 x 512, job beside bare onnxruntime"
    return compare(name, entry, net, 512, bare, "at most 1.1")


def measure_lama() -> Iterator[Row]:
    """Yield how crops at their own size compare with the bare call of the module."""
    torch.manual_seed(1)
    module = LamaNet(LamaShape()).eval().requires_grad_(requires_grad=False)
    net = Lama(module, torch.float32, "cpu")
    entry = ModelEntry(name="l", family="lama", source="/l", native_pixels=1024 * 1024)

    def bare(inputs: NetInputs) -> Callable[[], Any]:
        tensor = net._make_input(inputs)

        def call() -> Any:
            with torch.inference_mode():
                return module(tensor)

        return call

    for side in (512, 1024):
        name = f"LaMa, {side} x {side}, job beside bare torch"
        yield compare(name, entry, net, side, bare, "at most 1.05")


def compare(
    name: str,
    entry: ModelEntry,
    net: EraserNet,
    side: int,
    make_bare: Callable[[NetInputs], Callable[[], Any]],
    goal: str,
) -> Row:
    """Return the median of ratios of pairs, taken in turns."""
    engine = EraserEngine(entry, lambda _entry, _threads: net)
    canvas = make_canvas(side)
    bare = make_bare(NetInputs([canvas.image], [canvas.mask], [1], NetSettings()))
    # The first runs choose kernels for the size.
    runs = RUNS if spend(bare) < SLOW_SECONDS else FEW_RUNS
    engine.paint([canvas], ignore)
    pairs = [(spend(lambda: engine.paint([canvas], ignore)), spend(bare)) for _ in range(runs)]
    ratio = statistics.median(ours / alone for ours, alone in pairs)
    alone = statistics.median(alone for _, alone in pairs)
    return Row(name, f"{ratio:.3f} ({alone * 1000:.0f} ms of CPU bare)", goal)


def measure_own(folder: Path) -> Row:
    """Return the CPU time of a job whose net costs nothing."""
    blobs = BlobStore.open(f"file://{folder}/blobs")
    entry = ModelEntry(name="m", family="mi-gan", source="/m")
    engine = EraserEngine(entry, lambda _entry, _threads: Echo())
    engines = QueueEngines({("inpaint", "generate", "m"): engine})
    image = make_rgb("texture", 512, 512)
    mask = make_canvas(512).mask

    def run() -> float:
        job = inpaint_job(blobs, encode(image), encode(mask), method="generate", model="m")
        report = RecordingReporter()
        seconds = spend(lambda: paint([job], blobs, engines, report, max_image_pixels=10**8))
        if report.failures:
            raise RuntimeError(report.failures)
        return seconds

    # The first run opens libraries.
    value = min([run() for _ in range(RUNS)][1:]) * 1000
    return Row(
        "whole job with a net that costs nothing, 512 x 512: file to proven file",
        f"{value:.0f} ms of CPU",
        f"at most {OWN_GOAL_MILLISECONDS} ms",
    )


def make_canvas(side: int) -> Canvas:
    """Return a textured picture with a box of a quarter of its area in its middle."""
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : side * 3 // 4, side // 4 : side * 3 // 4] = 255
    return Canvas(make_rgb("texture", side, side), mask, InpaintParams(region="full"), 1)


def ignore(_done: int, _total: int) -> None:
    """Want every step."""


def spend(run: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call, on all threads."""
    started = time.process_time()
    run()
    return time.process_time() - started


def describe(rows: list[Row]) -> str:
    """Return the table in Markdown."""
    head = (
        "# Erasers\n\nWritten by `python -m benchmarks.erasers`: nets of the published sizes with "
        f"random weights, {THREADS} threads; CPU time, medians of pairs taken in turns.\n\n"
        "| what | measured | goal |\n|---|---|---|\n"
    )
    return head + "".join(f"| {row.name} | {row.value} | {row.goal} |\n" for row in rows)


class _Layers:
    """A graph that grows layer by layer."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], **settings: Any) -> str:
        """Add a node, and return the name of what it makes."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **settings))
        return name

    def constant(self, values: np.ndarray) -> str:
        """Add a constant, and return its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def conv(self, given: str, before: int, after: int, kernel: int, **settings: Any) -> str:
        """Add a convolution; one channel by one where `group` is set."""
        shape = (after, before // settings.get("group", 1), kernel, kernel)
        weights = self._random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        bias = self.constant(np.zeros(after))
        return self.add("Conv", [given, self.constant(weights), bias], **settings)

    def separable(self, given: str, before: int, after: int, down: bool = False) -> str:
        """Add a depthwise convolution, perhaps one that halves, and a pointwise one."""
        pads = [1, 1, 1, 1]
        found = self.add(
            "LeakyRelu", [self.conv(given, before, before, 3, group=before, pads=pads)], alpha=0.2
        )
        if down:
            found = self.conv(found, before, before, 4, group=before, strides=[2, 2], pads=pads)
        return self.add("LeakyRelu", [self.conv(found, before, after, 1)], alpha=0.2)

    def enlarge(self, given: str, channels: int) -> str:
        """Add a doubling: nearest, then a filter channel by channel."""
        scales = self.constant(np.array([1, 1, 2, 2]))
        large = self.add("Resize", [given, "", scales], mode="nearest")
        return self.conv(large, channels, channels, 4, group=channels, pads=[2, 2, 1, 1])


def write_mi_gan(file: Path) -> Path:
    """Write a graph with the layers of MI-GAN of 512 pixels, and random weights."""
    graph = _Layers()
    found, skips = graph.conv("input", 4, CHANNELS[0], 1), []
    for before, after in zip(CHANNELS, [*CHANNELS[1:], CHANNELS[-1]], strict=True):
        skips.append(graph.separable(found, before, before))
        is_last = len(skips) == len(CHANNELS)
        found = graph.separable(skips[-1], before, after, down=not is_last)
    picture = None
    for level in reversed(range(len(CHANNELS))):
        channels = CHANNELS[level]
        above = CHANNELS[min(level + 1, len(CHANNELS) - 1)]
        found = graph.separable(found, above, channels)
        if picture is not None:
            found = graph.enlarge(found, channels)
            picture = graph.enlarge(picture, 3)
        found = graph.separable(graph.add("Add", [found, skips[level]]), channels, channels)
        colors = graph.conv(found, channels, 3, 1)
        picture = colors if picture is None else graph.add("Add", [picture, colors])
    graph.nodes.append(helper.make_node("Identity", [str(picture)], ["output"]))
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 512, 512])]
        for name, channels in (("input", 4), ("output", 3))
    )
    made = helper.make_graph(graph.nodes, "migan", inputs, outputs, graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    file.write_bytes(model.SerializeToString())
    return file


if __name__ == "__main__":
    main()
