"""The number of pictures that fit into one call, from a memory model learned from earlier calls.

The memory of a call is modeled as a sum of parts: a constant one, one that grows with the pixels of
a picture, and one that grows with the pixels of all pictures. No coefficient is fitted. Such a sum
grows by at most the factor by which pictures and pixels grow, so each measured call bounds all
others from above, and the lowest of these bounds counts. The estimate errs on the safe side, by
less the more was measured.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from worker.engines.diffusion.families.base import Settings
from worker.engines.diffusion.faults import is_out_of_memory
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.probes import MemoryProbe

SHARE: Final = 0.9
"""Share of the free memory that a call may take: the rest is lost to fragmentation."""

MAX_SHAPES: Final = 256
"""Measured shapes that are kept; the oldest are dropped first."""

CALLS_UNTIL_RETRY: Final = 50
"""Calls after which a shape that ran out of memory is tried again."""


@dataclass(frozen=True)
class Kind:
    """Properties that calls must share for one to predict the memory of the other.

    Attributes:
        is_guided: whether the denoiser also runs for the negative prompt.
        tiles: whether the autoencoder works in tiles.
        dtype: of the weights.
    """

    is_guided: bool
    tiles: bool
    dtype: str


@dataclass(frozen=True)
class Shape:
    """Everything that the memory of a call depends on.

    Attributes:
        kind: comparable calls have the same one.
        pictures: at least 1.
        pixels: of each picture, at the model's size, and of what it looks at beside it.
    """

    kind: Kind
    pictures: int
    pixels: int

    def holds(self, other: Shape) -> bool:
        """Return whether a call of the other shape takes at most as much as one of this shape."""
        is_less = other.pictures <= self.pictures and other.pixels <= self.pixels
        return self.kind == other.kind and is_less


class MemoryModel:
    """Estimates the memory of a call, besides the weights that stay on the device.

    Args:
        fixed_bytes: the constant part: weights that are moved to the device for a call.
        prior_bytes: assumed for a call of one picture at `native_pixels` until one is measured.
        native_pixels: of the prior.
    """

    def __init__(
        self, fixed_bytes: int = 0, prior_bytes: int | None = None, native_pixels: int = 1
    ) -> None:
        self._fixed_bytes = fixed_bytes
        self._prior = None if prior_bytes is None else (native_pixels, prior_bytes)
        self._peaks: OrderedDict[Shape, int] = OrderedDict()
        self._too_large: dict[Shape, tuple[int, int]] = {}
        self._calls = 0

    def learn(self, shape: Shape, peak_bytes: int) -> None:
        """Record the memory of a call; of equal calls the largest counts."""
        self._calls += 1
        self._peaks[shape] = max(self._peaks.get(shape, 0), peak_bytes)
        self._peaks.move_to_end(shape)
        if len(self._peaks) > MAX_SHAPES:
            self._peaks.popitem(last=False)
        self._too_large = {
            other: record
            for other, record in self._too_large.items()
            if not shape.holds(other) and self._calls - record[1] < CALLS_UNTIL_RETRY
        }

    def learn_too_large(self, shape: Shape, free_bytes: int) -> None:
        """Record that a call ran out of memory with this much of it free."""
        self._too_large[shape] = (free_bytes + 1, self._calls)

    def estimate(self, shape: Shape) -> int | None:
        """Return an upper bound of the bytes of a call; `None` if nothing is known."""
        least = max(
            (record for other, (record, _) in self._too_large.items() if shape.holds(other)),
            default=0,
        )
        bounds = [
            self._scale(seen.pictures, seen.pixels, peak, shape)
            for seen, peak in self._find_measured(shape)
        ]
        if not bounds and self._prior is not None:
            bounds = [self._scale(1, *self._prior, shape)]
        if not bounds:
            return least or None
        return max(min(bounds), least)

    def most_pictures(self, shape: Shape, most_bytes: int) -> int:
        """Return how many pictures of a call fit into some bytes, at least 1, at most all."""
        for pictures in range(shape.pictures, 1, -1):
            needed = self.estimate(replace(shape, pictures=pictures))
            if needed is None or needed <= most_bytes:
                return pictures
        return 1

    def _find_measured(self, shape: Shape) -> list[tuple[Shape, int]]:
        """Return the measurements of its kind; of much smaller pictures only the largest."""
        known = [(seen, peak) for seen, peak in self._peaks.items() if seen.kind == shape.kind]
        enough = min(shape.pixels / 2, max((seen.pixels for seen, _ in known), default=0))
        return [(seen, peak) for seen, peak in known if seen.pixels >= enough]

    def _scale(self, pictures: int, pixels: int, peak_bytes: int, shape: Shape) -> int:
        factor = max(1.0, shape.pictures / pictures) * max(1.0, shape.pixels / pixels)
        fixed = min(self._fixed_bytes, peak_bytes)
        return fixed + math.ceil((peak_bytes - fixed) * factor)


class CallMemory:
    """Bounds the calls of one model by the free memory, and learns from each.

    Args:
        model: of the memory of calls.
        probe: measures memory.
        limit_bytes: that a call may take besides the weights, however much is free; 0 for no limit.
    """

    def __init__(self, model: MemoryModel, probe: MemoryProbe, limit_bytes: int = 0) -> None:
        self._model = model
        self._probe = probe
        self._limit_bytes = limit_bytes

    def most_pictures(self, shape: Shape) -> int:
        """Return how many of a call's pictures fit now, at least 1; all if nothing is known."""
        free, limit = self._probe.free(), self._limit_bytes
        if free is not None:
            limit = min(int(free * SHARE), limit or free)
        elif not limit:
            return shape.pictures
        return self._model.most_pictures(shape, limit)

    @contextmanager
    def watch(self, shape: Shape) -> Iterator[None]:
        """Measure a call, and learn from its peak or from its failure."""
        free = self._probe.free()
        self._probe.begin()
        try:
            yield
        except RuntimeError as error:
            if free is not None and is_out_of_memory(error):
                self._model.learn_too_large(shape, free)
            raise
        peak = self._probe.peak()
        if peak is not None:
            self._model.learn(shape, peak)


def make_shape(model: LoadedModel, settings: Settings, pictures: int, *, tiles: bool) -> Shape:
    """Return the shape of a call of the model in its present precision."""
    is_guided = model.adapter.is_guided(model.pipeline, settings)
    kind = Kind(is_guided, tiles, str(model.pipeline.dtype))
    looked_at = settings.reference or (0, 0)
    pixels = settings.width * settings.height + looked_at[0] * looked_at[1]
    return Shape(kind, pictures, pixels)


def describe_memory(model: LoadedModel) -> MemoryModel:
    """Return the memory model of a freshly loaded model, with the figures of its entry."""
    entry, weights = model.entry, count_weights(model)
    if entry.offload == "model":
        # One component at a time is moved to the device, and counts for the call.
        return MemoryModel(fixed_bytes=max(weights.values(), default=0))
    working = (entry.memory_bytes or 0) - sum(weights.values())
    is_told = entry.offload == "none" and working > 0
    return MemoryModel(0, working if is_told else None, entry.native_pixels)


def count_weights(model: LoadedModel) -> dict[str, int]:
    """Return the bytes of each component's weights."""
    parts = {
        name: component
        for name, component in model.pipeline.components.items()
        if hasattr(component, "parameters")
    }
    return {name: sum(one.nbytes for one in part.parameters()) for name, part in parts.items()}
