"""The whole way of a batch: prepare each row, paint all in one call, finish each row.

A row that fails does so alone. When the call as a whole fails, each row is tried by itself, so that
one bad row does not take its mates along.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from service.contract.errors import MethodUnavailable, ModelOutputInvalid
from service.contract.jobs import Output, Recipe, Timings
from service.store.blobs import BlobStore
from worker.engines.base import (
    Engine,
    EngineRegistry,
    Painted,
    PreviewingEngine,
    UnloadableEngine,
)
from worker.operations.failures import describe_failure, log_failure
from worker.operations.finishing import compose, finish_output, make_recipe, output_warnings
from worker.operations.inpaint import prepare_inpaint
from worker.operations.marking import MARKED, Marking
from worker.operations.outpaint import prepare_outpaint
from worker.operations.preparation import Prepared
from worker.operations.previews import Previews
from worker.operations.provenance import describe_file
from worker.operations.safety import SafetyCheck, check_input, check_output, check_prompt
from worker.reporting import Aborted, ClaimedJob, Reporter


@dataclass(frozen=True)
class PaintedRow:
    """What one engine call gave for one row.

    Attributes:
        prepared: the row.
        pictures: one a picture asked for.
        batch_size: canvases that the call held.
        seconds: how long the call took.
    """

    prepared: Prepared
    pictures: list[Painted]
    batch_size: int
    seconds: float


class Batch:
    """Paints rows that share an engine.

    Args:
        blobs: where inputs come from and outputs go to.
        report: is told what becomes of each row.
        max_image_pixels: width x height that an input may declare.
        safety: what judges prompts and pictures, if anything does.
        embed_recipe: whether files tell how they were made.
        marking: what the outputs' files tell of how they came to be.
    """

    def __init__(
        self,
        blobs: BlobStore,
        report: Reporter,
        max_image_pixels: int,
        safety: SafetyCheck | None = None,
        embed_recipe: bool = True,
        marking: Marking = MARKED,
    ) -> None:
        self._blobs = blobs
        self._report = report
        self._max_image_pixels = max_image_pixels
        self._safety = safety
        self._embed_recipe = embed_recipe
        self._marking = marking

    def run(self, rows: Sequence[ClaimedJob], get_engine: Callable[[], Engine]) -> None:
        """Paint rows from blobs to proven outputs.

        Raises:
            Aborted: no row is wanted any more.
        """
        prepared = [ready for row in rows if (ready := self._prepare(row)) is not None]
        if not prepared:
            return
        started = time.perf_counter()
        try:
            engine = get_engine()
            self._tell_load(engine, prepared)
            recipe = engine.load()
        except Aborted:
            raise
        except Exception as error:
            self._fail([ready.row for ready in prepared], error)
            return
        load_seconds = time.perf_counter() - started
        wanted = self._wanted(prepared)
        if not wanted:
            return
        self._report.started([ready.row.job_id for ready in wanted])
        for painted in self._paint(engine, wanted):
            self._finish(painted, recipe, load_seconds)

    def _prepare(self, row: ClaimedJob) -> Prepared | None:
        if self._report.is_aborted(row.job_id):
            return None
        try:
            check_prompt(self._safety, row)
            if row.spec.operation == "inpaint":
                ready = prepare_inpaint(row, self._blobs, self._report, self._max_image_pixels)
            else:
                ready = prepare_outpaint(row, self._blobs, self._max_image_pixels)
            check_input(self._safety, ready)
            return ready
        except Aborted:
            raise
        except Exception as error:
            self._fail([row], error)
            return None

    def _tell_load(self, engine: Engine, rows: list[Prepared]) -> None:
        """Tell that a model is loaded for these rows, if it is not there yet."""
        if isinstance(engine, UnloadableEngine) and not engine.is_loaded:
            self._report.step([ready.row.job_id for ready in rows], "load", 0, 1)

    def _paint(self, engine: Engine, rows: list[Prepared]) -> list[PaintedRow]:
        """Paint all rows in one call; one by one where that fails."""
        try:
            return self._call(engine, rows)
        except Aborted:
            raise
        except Exception as error:
            if len(rows) == 1:
                self._fail([rows[0].row], error)
                return []
            log_failure(error, [ready.row for ready in rows])
        return self._paint_singly(engine, rows)

    def _paint_singly(self, engine: Engine, rows: list[Prepared]) -> list[PaintedRow]:
        painted: list[PaintedRow] = []
        for ready in rows:
            if self._report.is_aborted(ready.row.job_id):
                continue
            try:
                painted += self._paint(engine, [ready])
            except Aborted:
                # This row alone; its mates may still be wanted.
                continue
        return painted

    def _call(self, engine: Engine, rows: list[Prepared]) -> list[PaintedRow]:
        job_ids = [ready.row.job_id for ready in rows]
        previews = Previews(rows, self._report)

        def on_step(step: int, steps: int) -> None:
            previews.note_step(step, steps)
            self._report.step(job_ids, "paint", step, steps)

        canvases = [canvas for ready in rows for canvas in ready.canvases()]
        started = time.perf_counter()
        # A preview would be seen before anything can judge it.
        is_shown = self._safety is None
        if is_shown and isinstance(engine, PreviewingEngine) and engine.gives_previews:
            pictures = engine.paint(canvases, on_step, previews.take)
        else:
            pictures = engine.paint(canvases, on_step)
        seconds = time.perf_counter() - started
        if len(pictures) != len(canvases):
            raise ModelOutputInvalid("the engine gave another number of pictures than asked")
        remaining = iter(pictures)
        return [
            PaintedRow(ready, [next(remaining) for _ in range(ready.count)], len(canvases), seconds)
            for ready in rows
        ]

    def _finish(self, painted: PaintedRow, recipe: Recipe, load_seconds: float) -> None:
        """Make a row's outputs and report them; an aborted row is dropped without a word."""
        prepared, row = painted.prepared, painted.prepared.row
        recipes = [make_recipe(recipe, picture, painted.batch_size) for picture in painted.pictures]
        warnings = [*prepared.warnings, *output_warnings(prepared, painted.pictures)]
        started = time.perf_counter()
        try:
            outputs = self._finish_outputs(painted, recipes)
        except Aborted:
            return
        except Exception as error:
            self._fail([row], error)
            return
        timings = Timings(
            load_seconds=round(load_seconds, 4),
            paint_seconds=round(painted.seconds, 4),
            encode_seconds=round(time.perf_counter() - started, 4),
        )
        # All variants of a row are made the same way: the first speaks for them.
        self._report.done(row.job_id, outputs, recipes[0], timings, warnings)

    def _finish_outputs(self, painted: PaintedRow, recipes: Sequence[Recipe]) -> list[Output]:
        outputs: list[Output] = []
        job_id = painted.prepared.row.job_id
        seeds = painted.prepared.seeds
        for index in range(painted.prepared.count):
            if self._report.is_aborted(job_id):
                raise Aborted
            # Taken off the list: encoding and proof need the memory of what is in its place.
            composed = compose(painted.prepared, painted.pictures.pop(0))
            check_output(self._safety, composed.picture, painted.prepared.mask)
            told = describe_file(painted.prepared.row, seeds[index], recipes[index])
            texts = told if self._embed_recipe else {}
            outputs.append(
                finish_output(painted.prepared, composed, index, self._blobs, texts, self._marking)
            )
            self._report.step([job_id], "encode", index + 1, painted.prepared.count)
        return outputs

    def _wanted(self, rows: list[Prepared]) -> list[Prepared]:
        return [ready for ready in rows if not self._report.is_aborted(ready.row.job_id)]

    def _fail(self, rows: list[ClaimedJob], error: Exception) -> None:
        log_failure(error, rows)
        for row in rows:
            self._report.failed(row.job_id, describe_failure(error))


def paint(
    rows: Sequence[ClaimedJob],
    blobs: BlobStore,
    engines: EngineRegistry,
    report: Reporter,
    *,
    max_image_pixels: int,
    safety: SafetyCheck | None = None,
    embed_recipe: bool = True,
    marking: Marking = MARKED,
) -> None:
    """Paint a batch of rows, from their blobs to their proven outputs.

    Every row that is not aborted is reported exactly once, as done or as failed.

    Args:
        rows: jobs; those of one operation, method and model share an engine call.
        blobs: where inputs come from and outputs go to.
        engines: finds the engine.
        report: is told what becomes of each row.
        max_image_pixels: width x height that an input may declare.
        safety: what judges prompts and pictures, if anything does.
        embed_recipe: whether files tell how they were made.
        marking: what the outputs' files tell of how they came to be.

    Raises:
        Aborted: no row is wanted any more; the engines can be used again.
    """
    groups: dict[tuple[str, str, str | None], list[ClaimedJob]] = {}
    for row in rows:
        key = (str(row.spec.operation), row.spec.method, row.spec.model)
        groups.setdefault(key, []).append(row)
    batch = Batch(blobs, report, max_image_pixels, safety, embed_recipe, marking)
    for key, group in groups.items():
        try:
            batch.run(group, partial(_get_engine, engines, *key))
        except Aborted:
            if all(report.is_aborted(row.job_id) for row in rows):
                raise


def _get_engine(engines: EngineRegistry, operation: str, method: str, model: str | None) -> Engine:
    try:
        return engines.get(operation, method, model)
    except KeyError:
        raise MethodUnavailable(
            "this worker does not paint by the job's method and model"
        ) from None
