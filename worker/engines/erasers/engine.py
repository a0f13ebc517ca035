"""An eraser as an engine: crop, call, blend."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelOutputInvalid
from service.contract.geometry import Box
from service.contract.jobs import Recipe
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.diffusion.stitching import stitch
from worker.engines.erasers.detail import FROM_FACTOR, add_detail
from worker.engines.erasers.framing import EraserFrame, make_eraser_frame
from worker.engines.erasers.planning import CropPlan, EraserCall, plan_calls
from worker.engines.erasing import EraserNet, Floats, NetInputs
from worker.engines.patch import warm
from worker.engines.pinning import check_files
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

LoadNet = Callable[[ModelEntry, int], EraserNet]
"""Reads an entry's net for so many threads; 0 leaves their number to the library."""


class EraserEngine:
    """Paints with one eraser.

    Args:
        entry: the model.
        load_net: reads its net.
        threads: threads of the processor; 0 leaves it to the library.
    """

    def __init__(self, entry: ModelEntry, load_net: LoadNet, threads: int = 0) -> None:
        self._entry = entry
        self._load_net = load_net
        self._threads = threads
        self._net: EraserNet | None = None

    @property
    def is_loaded(self) -> bool:
        """True if the net is in memory."""
        return self._net is not None

    def unload(self) -> None:
        """Drop the net."""
        self._net = None
        gc.collect()

    def load(self) -> Recipe:
        """Load the net, if it is not loaded, and return the recipe that its pictures share.

        Raises:
            ModelUnavailable: its files are missing, changed, or are not those of its family.
        """
        entry, facts = self._entry, self._loaded().describe()
        return Recipe(
            engine=facts["engine"],
            model_revision=entry.revision,
            scheduler=facts.get("scheduler"),
            dtype=entry.dtype,
            versions=dict(facts["versions"]),
            details={
                "family": entry.family,
                "pipeline": entry.traits.pipeline,
                "device": facts["device"],
                "native_pixels": entry.native_pixels,
            },
        )

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Paint every canvas; crops of equal size share a call.

        Args:
            canvases: what to paint.
            on_step: called after every step, counted over all calls, and between.

        Returns:
            One picture a canvas, which differs from it only under the mask.

        Raises:
            ModelOutputInvalid: the net's output is not a picture.
            Aborted: out of `on_step`.
        """
        net = self._loaded()
        calls = plan_calls(canvases, self._entry, net)
        total = sum(net.count_steps(call.settings) for call in calls)
        sheets, done = [_Sheet(canvas) for canvas in canvases], 0
        for call in calls:

            def check(step: int, before: int = done) -> None:
                on_step(min(before + step, total), total)

            check(0)
            frames = [sheets[crop.index].frame(crop) for crop in call.crops]
            outputs = _call(net, call, frames, check)
            tell = partial(check, net.count_steps(call.settings))
            for crop, frame, output in zip(call.crops, frames, outputs, strict=True):
                picture = _find_picture(output, frame, repaints_all=net.repaints_all)
                sheets[crop.index].put(crop, frame, picture, len(call.crops), tell)
            done += net.count_steps(call.settings)
            on_step(done, total)
        return [sheet.finish() for sheet in sheets]

    def _loaded(self) -> EraserNet:
        if self._net is None:
            check_files(self._entry)
            self._net = self._load_net(self._entry, self._threads)
            # Large crops get their detail from patches: compile them now, not in the first job.
            warm()
        return self._net


def _call(
    net: EraserNet,
    call: EraserCall,
    frames: Sequence[EraserFrame],
    check: Callable[[int], None],
) -> Floats:
    inputs = NetInputs(
        [frame.image for frame in frames],
        [frame.mask for frame in frames],
        [crop.seed for crop in call.crops],
        call.settings,
    )
    return net.erase(inputs, check)


def _find_picture(output: Floats, frame: EraserFrame, *, repaints_all: bool) -> ImageArray:
    """Return a net's output as a picture of the frame.

    Raises:
        ModelOutputInvalid: it is none.
    """
    if not np.isfinite(output).all():
        raise ModelOutputInvalid("the net's output has values that are not numbers")
    picture = to_uint8(np.rint(output * 255).clip(0, 255).astype(np.uint8))
    if not repaints_all:
        np.copyto(picture, frame.image, where=(frame.mask == 0)[..., None])
    return picture


def _slices(box: Box, left: int = 0, top: int = 0) -> tuple[slice, slice]:
    """Return a box's rows and columns in an array that begins at a point."""
    return slice(box.top - top, box.bottom - top), slice(box.left - left, box.right - left)


class _Sheet:
    """One canvas while its crops are painted."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        # The kept pixels of the copy are never written to, so the result has them.
        self._picture = canvas.image.copy()
        self._done: list[dict[str, Any]] = []
        self._call_size = 1

    def frame(self, planned: CropPlan) -> EraserFrame:
        """Return the net's view of a crop."""
        part = _slices(planned.crop.box)
        return make_eraser_frame(
            self._canvas.image[part], self._canvas.mask[part], planned.size, planned.outer
        )

    def put(
        self,
        planned: CropPlan,
        frame: EraserFrame,
        picture: ImageArray,
        call_size: int,
        tell: Callable[[], None],
    ) -> None:
        """Paste what the net made of a crop's own hole, with detail if the net saw it reduced."""
        crop, (width, height) = planned.crop, frame.size
        part = _slices(crop.box)
        painted = self._canvas.image[part].copy()
        stitch(
            painted,
            self._canvas.mask[part],
            np.ascontiguousarray(picture[:height, :width]),
            np.ascontiguousarray(frame.mask[:height, :width]),
            cell=1,
        )
        # Kept pixels in the hole's box are the original's on both sides.
        inside = _slices(crop.hole, crop.box.left, crop.box.top)
        factor = max(crop.box.width / width, crop.box.height / height)
        if factor >= FROM_FACTOR:
            painted = self._add_detail(part, inside, painted, factor, tell)
        self._picture[_slices(crop.hole)] = painted[inside]
        detail = "patches" if factor >= FROM_FACTOR else "net"
        self._done.append({"box": crop.box.as_list(), "size": list(planned.size), "detail": detail})
        self._call_size = max(self._call_size, call_size)

    def _add_detail(
        self,
        part: tuple[slice, slice],
        inside: tuple[slice, slice],
        painted: ImageArray,
        factor: float,
        tell: Callable[[], None],
    ) -> ImageArray:
        holes = np.ascontiguousarray(self._canvas.mask[part])
        own = np.zeros_like(holes)
        own[inside] = holes[inside]
        crop = np.ascontiguousarray(self._canvas.image[part])
        return add_detail(crop, holes, own, painted, factor, lambda _step, _steps: tell())

    def finish(self) -> Painted:
        """Return the picture, after all crops are in place."""
        details = {"rows": self._call_size, "blend": "membrane", "crops": self._done}
        return Painted(self._picture, details=details, call_size=self._call_size)
