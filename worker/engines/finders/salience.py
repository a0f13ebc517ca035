"""Subjects by a net that marks what stands in front: ISNet, BiRefNet.

Source: X. Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022; P. Zheng et al.,
    "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", 2024.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.finders import FinderEntry
from worker.engines.base import StepCallback
from worker.engines.finders.base import FinderFacts, Found, Query
from worker.engines.finders.cropping import crop_found
from worker.engines.finders.graphs import (
    CENTERED,
    IMAGENET,
    Colors,
    digest,
    enlarge,
    find_graph,
    make_planes,
)
from worker.engines.sessions import Graph, Tensor, describe_runtime
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

SIDE: Final = 1024
"""Side of the square that a net takes which takes any."""
_EMPTY: Final = 0.02
"""A net that is this sure of nothing found nothing."""


@dataclass(frozen=True)
class _Way:
    """The way a family's nets are called.

    Attributes:
        colors: means and deviations.
        gives_logits: whether the output is before the logistic function.
    """

    colors: Colors
    gives_logits: bool


_WAYS: Final = {"isnet": _Way(CENTERED, False), "birefnet": _Way(IMAGENET, True)}


class SalienceFinder:
    """Finds the subject, or all but the subject.

    Args:
        entry: as configured.
        threads: threads of the net; 0 for all that this process may use.
    """

    def __init__(self, entry: FinderEntry, threads: int = 0) -> None:
        self._entry = entry
        self._threads = threads
        self._way = _WAYS[entry.family]
        self._graph: Graph | None = None
        self._facts: FinderFacts | None = None

    @property
    def is_loaded(self) -> bool:
        """True if the net is in memory."""
        return self._graph is not None

    def unload(self) -> None:
        """Drop the net."""
        self._graph = None
        gc.collect()

    def load(self) -> FinderFacts:
        """Load the net, if it is not loaded, and return what recipes say of it.

        Raises:
            ModelUnavailable: its file is missing, changed or another net.
        """
        self._loaded()
        if self._facts is None:
            raise AssertionError("loading a net notes its facts")
        return self._facts

    def find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        """Find the subject, or all but it; the score is how sure the net is of it on average."""
        graph = self._loaded()
        on_step(0, 2)
        height, width = (size or SIDE for size in graph.inputs[0].shape[2:])
        planes = make_planes(image, (width, height), self._way.colors)
        [output] = graph.run([planes], lambda: on_step(0, 2))
        on_step(1, 2)
        shares = self._read(output[0, 0])
        if shares.max() < _EMPTY:
            return []
        score = float(shares[shares >= 0.5].mean()) if (shares >= 0.5).any() else 0.0
        subject = enlarge(shares, image.shape[1], image.shape[0]) >= 0.5
        chosen = ~subject if query.kind == "background" else subject
        mask = to_uint8(np.where(chosen, 255, 0).astype(np.uint8))
        on_step(2, 2)
        return crop_found(mask, round(score, 4), query.kind) if score >= query.min_score else []

    def _read(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._way.gives_logits:
            return np.asarray(1 / (1 + np.exp(-plane)), np.float32)
        # ISNet's authors stretch what it returns to 0 .. 1.
        low, high = float(plane.min()), float(plane.max())
        if high - low < _EMPTY:
            return np.zeros_like(plane)
        return np.asarray((plane - low) / (high - low), np.float32)

    def _loaded(self) -> Graph:
        if self._graph is None:
            file = find_graph(self._entry)
            inputs, outputs = [Tensor((None, 3, None, None))], [Tensor((None, 1, None, None))]
            # ISNet returns what it saw at smaller sizes too.
            self._graph = Graph(self._entry, file, inputs, outputs, self._threads, has_more=True)
            runtime = describe_runtime(self._graph)
            self._facts = FinderFacts(
                name=self._entry.name,
                family=self._entry.family,
                model_revision=self._entry.revision or digest(file),
                versions={**runtime["versions"], "opencv": cv2.__version__},
                details={"device": runtime["device"]},
            )
        return self._graph
