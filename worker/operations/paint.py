"""All steps of an engine call: prepare each job, paint all in one call, finish each job.

A job that fails does so alone. When the call as a whole fails, each job is painted by itself, so
that one bad job does not fail the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from service.contract.errors import MethodUnavailable, ModelOutputInvalid
from service.contract.jobs import Output, Recipe, Timings
from service.store.blobs import BlobStore
from service.telemetry import traces
from worker.engines.base import Engine, Painted, PreviewingEngine, UnloadableEngine
from worker.engines.lookup import EngineRegistry
from worker.operations.enlarging import enlarge_mask
from worker.operations.failures import describe_failure, log_failure
from worker.operations.finding import GetFinder
from worker.operations.finishing import (
    add_finders,
    compose,
    finish_output,
    make_recipe,
    output_warnings,
)
from worker.operations.inpaint import prepare_inpaint
from worker.operations.marking import MARKED, Marking
from worker.operations.mask import make_masks
from worker.operations.outpaint import prepare_outpaint
from worker.operations.preparation import Prepared
from worker.operations.previews import Previews
from worker.operations.provenance import describe_file
from worker.operations.safety import SafetyCheck, check_input, check_output, check_prompt
from worker.reporting import Aborted, ClaimedJob, Reporter

Task = Callable[[], None]


def _run_now(task: Task) -> None:
    task()


@dataclass(frozen=True)
class PaintedJob:
    """The pictures that one engine call painted for one job.

    Attributes:
        prepared: the job.
        pictures: one for each picture that was asked for.
        call_size: canvases that the call held.
        seconds: how long the call took.
    """

    prepared: Prepared
    pictures: list[Painted]
    call_size: int
    seconds: float


class EngineCall:
    """Paints claimed jobs that share an engine.

    Args:
        blobs: where inputs come from and outputs go to.
        report: receives the outcome of each job.
        max_image_pixels: width x height that an input may declare.
        get_finder: returns a finder by its name.
        safety: judges prompts and pictures; `None` for no check.
        embed_recipe: whether output files contain their recipe.
        marking: how output files are marked.
        finish: runs what makes outputs of a painted job, now or later, in order.
    """

    def __init__(
        self,
        blobs: BlobStore,
        report: Reporter,
        max_image_pixels: int,
        get_finder: GetFinder,
        safety: SafetyCheck | None = None,
        embed_recipe: bool = True,
        marking: Marking = MARKED,
        finish: Callable[[Task], None] = _run_now,
    ) -> None:
        self._blobs = blobs
        self._report = report
        self._max_image_pixels = max_image_pixels
        self._get_finder = get_finder
        self._safety = safety
        self._embed_recipe = embed_recipe
        self._marking = marking
        self._run_finish = finish

    def run(self, jobs: Sequence[ClaimedJob], get_engine: Callable[[], Engine]) -> None:
        """Paint jobs from blobs to proven outputs.

        Raises:
            Aborted: no job is wanted any more.
        """
        ready_jobs = [ready for job in jobs if (ready := self._prepare(job)) is not None]
        prepared = [ready for ready in ready_jobs if not ready.is_unchanged]
        for ready in ready_jobs:
            if ready.is_unchanged:
                self._run_finish(partial(self._finish, _leave(ready), UNPAINTED, 0.0))
        if not prepared:
            return
        started = time.perf_counter()
        try:
            with traces.part("load"):
                engine = get_engine()
                self._report_load(engine, prepared)
                recipe = engine.load()
        except Aborted:
            raise
        except Exception as error:
            self._fail([ready.job for ready in prepared], error)
            return
        load_seconds = time.perf_counter() - started
        wanted = self._wanted(prepared)
        if not wanted:
            return
        self._report.started([ready.job.job_id for ready in wanted])
        for painted in self._paint(engine, wanted):
            self._run_finish(partial(self._finish, painted, recipe, load_seconds))

    def _prepare(self, job: ClaimedJob) -> Prepared | None:
        if self._report.is_aborted(job.job_id):
            return None
        try:
            with traces.part("prepare", attributes={"paintjob.job_id": job.job_id}):
                return self._read(job)
        except Aborted:
            # While a finder looked; the others may still be wanted.
            return None
        except Exception as error:
            self._fail([job], error)
            return None

    def _read(self, job: ClaimedJob) -> Prepared:
        check_prompt(self._safety, job)
        if job.spec.operation == "inpaint":
            limit = self._max_image_pixels
            ready = prepare_inpaint(job, self._blobs, self._report, limit, self._get_finder)
        else:
            ready = prepare_outpaint(job, self._blobs, self._max_image_pixels)
        check_input(self._safety, ready)
        return ready

    def _report_load(self, engine: Engine, jobs: list[Prepared]) -> None:
        """Report that a model is being loaded for these jobs, unless it is in memory."""
        if isinstance(engine, UnloadableEngine) and not engine.is_loaded:
            self._report.step([ready.job.job_id for ready in jobs], "load", 0, 1)

    def _paint(self, engine: Engine, jobs: list[Prepared]) -> list[PaintedJob]:
        """Paint all jobs in one call; one by one where that fails."""
        try:
            with traces.part("paint"):
                return self._call(engine, jobs)
        except Aborted:
            raise
        except Exception as error:
            if len(jobs) == 1:
                self._fail([jobs[0].job], error)
                return []
            log_failure(error, [ready.job for ready in jobs])
        return self._paint_singly(engine, jobs)

    def _paint_singly(self, engine: Engine, jobs: list[Prepared]) -> list[PaintedJob]:
        painted: list[PaintedJob] = []
        for ready in jobs:
            if self._report.is_aborted(ready.job.job_id):
                continue
            try:
                painted += self._paint(engine, [ready])
            except Aborted:
                # This job alone; the others may still be wanted.
                continue
        return painted

    def _call(self, engine: Engine, jobs: list[Prepared]) -> list[PaintedJob]:
        job_ids = [ready.job.job_id for ready in jobs]
        previews = Previews(jobs, self._report)

        def on_step(step: int, steps: int) -> None:
            previews.note_step(step, steps)
            self._report.step(job_ids, "paint", step, steps)

        canvases = [canvas for ready in jobs for canvas in ready.canvases()]
        started = time.perf_counter()
        # A preview would be seen before anything can judge it.
        is_shown = self._safety is None
        if is_shown and isinstance(engine, PreviewingEngine) and engine.gives_previews:
            pictures = engine.paint(canvases, on_step, previews.take)
        else:
            pictures = engine.paint(canvases, on_step)
        seconds = time.perf_counter() - started
        if len(pictures) != len(canvases):
            raise ModelOutputInvalid("the engine returned another number of pictures than asked")
        remaining = iter(pictures)
        return [
            PaintedJob(ready, [next(remaining) for _ in range(ready.count)], len(canvases), seconds)
            for ready in jobs
        ]

    def _finish(self, painted: PaintedJob, recipe: Recipe, load_seconds: float) -> None:
        """Make a job's outputs and report them; an aborted job is dropped without a report."""
        prepared, job = painted.prepared, painted.prepared.job
        shared = add_finders(recipe, prepared.finders)
        recipes = [
            make_recipe(shared, picture, painted.call_size, job.spec.set_by)
            for picture in painted.pictures
        ]
        started = time.perf_counter()
        try:
            with traces.part("finish", attributes={"paintjob.job_id": job.job_id}):
                prepared = enlarge_mask(prepared, painted.pictures, self._blobs, self._report)
                warnings = [*prepared.warnings, *output_warnings(prepared, painted.pictures)]
                outputs = self._finish_outputs(replace(painted, prepared=prepared), recipes)
        except Aborted:
            return
        except Exception as error:
            self._fail([job], error)
            return
        find_seconds = prepared.find_seconds
        timings = Timings(
            load_seconds=round(load_seconds, 4),
            find_seconds=None if find_seconds is None else round(find_seconds, 4),
            paint_seconds=round(painted.seconds, 4),
            encode_seconds=round(time.perf_counter() - started, 4),
        )
        # All variants of a job are made the same way: the first speaks for them.
        self._report.done(job.job_id, outputs, recipes[0], timings, warnings)

    def _finish_outputs(self, painted: PaintedJob, recipes: Sequence[Recipe]) -> list[Output]:
        outputs: list[Output] = []
        job_id = painted.prepared.job.job_id
        seeds = painted.prepared.seeds
        for index in range(painted.prepared.count):
            if self._report.is_aborted(job_id):
                raise Aborted
            # Taken off the list: encoding and proof need the memory of what is in its place.
            composed = compose(painted.prepared, painted.pictures.pop(0), index)
            check_output(self._safety, composed.picture, painted.prepared.mask)
            described = describe_file(painted.prepared.job, seeds[index], recipes[index])
            texts = described if self._embed_recipe else {}
            outputs.append(
                finish_output(painted.prepared, composed, index, self._blobs, texts, self._marking)
            )
            self._report.step([job_id], "encode", index + 1, painted.prepared.count)
        return outputs

    def _wanted(self, jobs: list[Prepared]) -> list[Prepared]:
        return [ready for ready in jobs if not self._report.is_aborted(ready.job.job_id)]

    def _fail(self, jobs: list[ClaimedJob], error: Exception) -> None:
        log_failure(error, jobs)
        for job in jobs:
            self._report.failed(job.job_id, describe_failure(error))


UNPAINTED: Final = Recipe(engine="none")
"""The recipe of a picture in which nothing was to be painted."""


def _leave(ready: Prepared) -> PaintedJob:
    """Return a job's pictures as they are, because nothing was found to be painted."""
    return PaintedJob(ready, [Painted(canvas.image) for canvas in ready.canvases()], 1, 0.0)


def paint(
    jobs: Sequence[ClaimedJob],
    blobs: BlobStore,
    engines: EngineRegistry,
    report: Reporter,
    *,
    max_image_pixels: int,
    safety: SafetyCheck | None = None,
    embed_recipe: bool = True,
    marking: Marking = MARKED,
    finish: Callable[[Task], None] = _run_now,
) -> None:
    """Paint claimed jobs, from their blobs to their proven outputs.

    Every job that is not aborted is reported exactly once, as done or as failed.

    Args:
        jobs: those of one operation, method and model share an engine call.
        blobs: where inputs come from and outputs go to.
        engines: finds the engine.
        report: receives the outcome of each job.
        max_image_pixels: width x height that an input may declare.
        safety: judges prompts and pictures; `None` for no check.
        embed_recipe: whether output files contain their recipe.
        marking: how output files are marked.
        finish: runs what makes outputs of a painted job, now or later, in order: the next job may
            be painted meanwhile.

    Raises:
        Aborted: no job is wanted any more; the engines can be used again.
    """
    groups: dict[tuple[str, str, str | None], list[ClaimedJob]] = {}
    for job in jobs:
        key = (str(job.spec.operation), job.spec.method, job.spec.model)
        groups.setdefault(key, []).append(job)
    call = EngineCall(
        blobs, report, max_image_pixels, engines.get_finder, safety, embed_recipe, marking, finish
    )
    for key, group in groups.items():
        if key[0] == "mask":
            make_masks(group, blobs, report, max_image_pixels, engines.get_finder)
            continue
        try:
            call.run(group, partial(_get_engine, engines, *key))
        except Aborted:
            if all(report.is_aborted(job.job_id) for job in jobs):
                raise


def _get_engine(engines: EngineRegistry, operation: str, method: str, model: str | None) -> Engine:
    try:
        return engines.get(operation, method, model)
    except KeyError:
        raise MethodUnavailable(
            "this worker does not paint by the job's method and model"
        ) from None
