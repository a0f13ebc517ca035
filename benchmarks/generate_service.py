"""What `generate` takes through the whole service, beside the bare call of its pipeline.

Run it from the root of the repository:

    python -m benchmarks.generate_service [--pairs 5]

It starts a broker, an API and a worker with a tiny pipeline of random weights, which writes down
when its parts run. Clocks are the machine's own, the broker's among them. Pictures are of 512 x 512
for the ratio, and of 128 x 128 for the rest, where encoding them takes no time.

- *ratio*: a job that takes a second or more, from its claim to its commit, over a bare call of the
  pipeline in this process on the very same inputs, in turns; and likewise the CPU time of the
  process that paints, which neighbors on the machine disturb less. What its parent takes beside it
  goes with the wall time, and is told as a share of that. *Around the call* is what lies between
  claim and commit and outside the engine: claim, pictures in and out, proof, commit.
- *first step*: of the second and later jobs on a warm model, after their claim; and the CPU time of
  the process that paints until then.
- *prompt*: runs of the text encoder for a new prompt, and for one that was seen before.
- *calls*: four jobs in one call, and one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

# Before torch is imported: spinning barriers make a busy machine four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import psutil
import torch

from benchmarks.generate_overhead import call_bare
from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.params import InpaintParams
from tests.support.broker import running_broker
from tests.support.model_service import ModelService, running_service
from tests.support.pictures import make_box_mask, make_rgb
from tests.support.stack import find_horse
from tests.support.tiny_pipelines import build_tiny_sd_inpaint
from worker.config import WorkerSettings
from worker.engines.base import Canvas
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families.base import CallInputs
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.planning import plan_rounds
from worker.engines.diffusion.sheets import Sheet, frame_call
from worker.engines.models import GroupModel, ModelEngines
from worker.imaging import ImageArray, MaskArray

GOAL_RATIO: Final = 1.05
GOAL_FIRST_STEP_MILLISECONDS: Final = 50
GOAL_DIFFERENCE: Final = 1
LARGE, SMALL = 512, 128
"""Sides of the pictures and of what the models paint best, in pixels."""

LONG_STEPS: Final = 60
"""So many take the tiny pipeline well over a second."""

SHORT_STEPS: Final = 4
JOBS: Final = 4
LOOK_SECONDS: Final = 0.25
PROMPT: Final = "a red door"
TRACE: Final = "trace.jsonl"


class TracedEngine(DiffusionEngine):
    """Writes down when denoiser and text encoder run.

    Args:
        entry: the model.
        threads: of torch.
        trace: a line is added for every run.
    """

    def __init__(self, entry: ModelEntry, threads: int, trace: Path) -> None:
        super().__init__(entry, threads)
        self._trace = trace

    def _loaded(self) -> LoadedModel:
        is_new = not self.is_loaded
        model = super()._loaded()
        if is_new:
            for name, part in (("step", model.denoiser), ("text", model.pipeline.text_encoder)):
                part.register_forward_pre_hook(partial(self._note, name))
        return model

    def _note(self, name: str, _module: Any, _inputs: Any) -> None:
        with self._trace.open("a") as file:
            file.write(
                json.dumps({"part": name, "at": time.time(), "cpu": time.process_time()}) + "\n"
            )


def build_engines(settings: WorkerSettings, catalogue: Catalogue) -> ModelEngines:
    """Build traced engines; a worker calls this by its name."""
    entries = [one for one in catalogue.models if one.source]
    trace, threads = settings.data_dir / TRACE, settings.torch_threads
    models = {one.name: GroupModel(TracedEngine(one, threads, trace), 0) for one in entries}
    return ModelEngines(models, entries[0].name)


class Bench:
    """What is measured on.

    Args:
        service: running, with a traced worker.
        directory: of the service.
        engine: one of this process' own, with the model for large pictures.
    """

    def __init__(self, service: ModelService, directory: Path, engine: DiffusionEngine) -> None:
        self.service = service
        self.engine = engine
        self._trace = directory / TRACE
        self._worker = psutil.Process(service.worker.pid)
        self._horse = psutil.Process(find_horse(service.worker.pid))

    def submit(self, side: int, seed: int, prompt: str = PROMPT, **more: object) -> str:
        """Ask for one picture; gives the job's id."""
        steps = LONG_STEPS if side == LARGE else SHORT_STEPS
        asked = {"model": f"tiny{side}", "prompt": prompt, "seed": seed, **more}
        return self.service.inpaint(
            make_image(side, seed), make_mask(side), num_inference_steps=steps, **asked
        )

    def run(self, *asked: Any, **more: Any) -> dict[str, Any]:
        """Have one picture painted; gives the job's document."""
        self.service.wait_idle()
        job_id = self.submit(*asked, **more)
        # Looking more often takes from a machine of two cores what is measured.
        while not self.service.stack.record(job_id).status.is_terminal:
            time.sleep(LOOK_SECONDS)
        return self.service.wait(job_id)

    def parent_seconds(self) -> float:
        """Return the CPU seconds that the process that watches the other has taken so far."""
        return sum(self._worker.cpu_times()[:2])

    def horse_seconds(self) -> float:
        """Return the CPU seconds that the process that paints has taken so far."""
        return sum(self._horse.cpu_times()[:2])

    def find_runs(self, part: str, job: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the runs of a part during a job, first to last."""
        first, last = (_seconds(job[name]) for name in ("started_at", "finished_at"))
        lines = [json.loads(line) for line in self._trace.read_text().splitlines()]
        # Redis' times have no more than milliseconds.
        return [one for one in lines if one["part"] == part and first - 0.002 <= one["at"] <= last]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure generate through the whole service.")
    parser.add_argument("--pairs", type=int, default=5, help="how often each thing is measured")
    pairs = parser.parse_args().pairs
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with running_bench() as bench:
        for side in (LARGE, SMALL):
            bench.run(side, 0)
        print_ratio(bench, pairs)
        print_first_step(bench, pairs * 4)
        print_prompts(bench)
        print_calls(bench)


@contextmanager
def running_bench() -> Iterator[Bench]:
    """Run the service until the block ends."""
    with tempfile.TemporaryDirectory(prefix="pj-bench-") as folder, running_broker() as broker:
        weights, directory = build_tiny_sd_inpaint(Path(folder, "tiny")), Path(folder, "service")
        directory.mkdir()
        tables = [make_entry(weights, side) for side in (LARGE, SMALL)]
        engine = DiffusionEngine(ModelEntry.model_validate(tables[0]), threads=1)
        traced = f"{__spec__.name if __spec__ else __name__}:build_engines"
        with running_service(broker.url, directory, tables, engines=traced) as service:
            yield Bench(service, directory, engine)


def make_entry(weights: Path, side: int) -> dict[str, Any]:
    """Return the entry of a model that paints pictures of a side best."""
    return {
        "name": f"tiny{side}",
        "family": "stable-diffusion",
        "source": str(weights),
        "native_pixels": side * side,
        "max_batch": JOBS,
        "defaults": {"guidance_scale": 3.0},
    }


def print_ratio(bench: Bench, pairs: int) -> None:
    """Compare jobs with bare calls, in turns."""
    walls, clocks = list[tuple[float, float]](), list[tuple[float, float]]()
    watching, around = list[float](), list[float]()
    for seed in range(pairs):
        before, watched = bench.horse_seconds(), bench.parent_seconds()
        job = bench.run(LARGE, seed)
        bench.service.wait_idle()
        cpu = bench.horse_seconds() - before
        wall = _seconds(job["finished_at"]) - _seconds(job["started_at"])
        watching.append((bench.parent_seconds() - watched) / wall)
        around.append(wall - job["timings"]["paint_seconds"])
        bare_wall, bare_cpu = measure_bare(bench.engine, seed)
        walls.append((wall, bare_wall))
        clocks.append((cpu, bare_cpu))
    bare, bare_cpu = (statistics.median(bare for _, bare in found) for found in (walls, clocks))
    print(
        f"ratio of a job to its bare call of {bare:.2f} s ({bare_cpu:.2f} s of CPU): "
        f"{_ratio(walls):.3f} of wall time (goal {GOAL_RATIO}), {_least_ratio(walls):.3f} least to "
        f"least, {_ratio(clocks):.3f} of CPU time; around the call "
        f"{statistics.median(around) * 1000:.0f} ms, the parent {statistics.median(watching):.1%} "
        f"of a core; medians of {pairs} pairs",
        flush=True,
    )


def measure_bare(engine: DiffusionEngine, seed: int) -> tuple[float, float]:
    """Return wall and CPU seconds of the pipeline alone, on the inputs of a job."""
    model, inputs = make_inputs(engine, seed)
    wall, cpu = time.perf_counter(), time.process_time()
    call_bare(model, inputs)
    return time.perf_counter() - wall, time.process_time() - cpu


def make_inputs(engine: DiffusionEngine, seed: int) -> tuple[LoadedModel, CallInputs]:
    """Return the inputs of the call that a job of this seed makes."""
    engine.load()
    model = engine._loaded()
    params = InpaintParams(prompt=PROMPT, num_inference_steps=LONG_STEPS)
    canvas = Canvas(make_image(LARGE, seed), make_mask(LARGE), params, seed)
    [[planned]] = plan_rounds([canvas], model)
    return model, frame_call(planned, [Sheet(canvas, model)], lambda: None).to_inputs(model.entry)


def print_first_step(bench: Bench, count: int) -> None:
    """Tell how soon a warm model takes its first step."""
    delays, clocks = list[float](), list[float]()
    for seed in range(count):
        bench.service.wait_idle()
        idle = bench.horse_seconds()
        job = bench.run(SMALL, seed)
        step = bench.find_runs("step", job)[0]
        delays.append((step["at"] - _seconds(job["started_at"])) * 1000)
        clocks.append((step["cpu"] - idle) * 1000)
    # The clock of another process has steps of 10 ms: its mean tells more than its median.
    print(
        f"first step after the claim, warm: median {statistics.median(delays):.0f} ms, worst "
        f"{max(delays):.0f} ms over {count} (goal {GOAL_FIRST_STEP_MILLISECONDS}); "
        f"mean {statistics.fmean(clocks):.0f} ms of CPU",
        flush=True,
    )


def print_prompts(bench: Bench) -> None:
    """Count the text encoder's runs."""
    first, second = (bench.run(SMALL, seed, prompt="never seen before") for seed in (1, 2))
    runs = [len(bench.find_runs("text", job)) for job in (first, second)]
    print(f"text encoder for a new prompt: {runs[0]} runs; for a known one: {runs[1]}", flush=True)


def print_calls(bench: Bench) -> None:
    """Compare four jobs painted in one call with the same one by one."""
    service = bench.service
    with service.holding():
        together = [bench.submit(SMALL, seed) for seed in range(JOBS)]
    jobs = [service.wait(job_id) for job_id in together]
    counts = {job["recipe"]["details"]["rows"] for job in jobs}
    singles = [bench.run(SMALL, seed, deterministic=True) for seed in range(JOBS)]
    worst = max(
        int(np.abs(service.fetch(a["id"]).astype(int) - service.fetch(b["id"])).max())
        for a, b in zip(jobs, singles, strict=True)
    )
    print(
        f"{JOBS} jobs in calls of {counts} pictures: at most {worst} of 255 from singles "
        f"(goal {GOAL_DIFFERENCE})"
    )


def make_image(side: int, seed: int) -> ImageArray:
    """Return a textured picture."""
    return make_rgb("texture", side, side, seed)


def make_mask(side: int) -> MaskArray:
    """Return a hole of a quarter of the sides in the middle."""
    first, last = side * 3 // 8, side * 5 // 8
    return make_box_mask(side, side, (first, first, last, last))


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(whole / bare for whole, bare in pairs)


def _least_ratio(pairs: list[tuple[float, float]]) -> float:
    """Return the quickest job over the quickest call: what neighbors disturb least."""
    return min(whole for whole, _ in pairs) / min(bare for _, bare in pairs)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    main()
