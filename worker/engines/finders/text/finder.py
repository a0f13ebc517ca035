"""The finder of written text."""

from __future__ import annotations

import gc
import importlib.util
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from service.contract.errors import ModelUnavailable
from service.contract.finders import FinderEntry
from worker.engines.base import StepCallback
from worker.engines.finders.base import FinderFacts, Found, Query
from worker.engines.finders.graphs import digest, find_graph
from worker.engines.finders.text.detecting import Floats, TextLine, detect_lines, has_contrast
from worker.engines.finders.text.strokes import count_lines, mark_line
from worker.engines.sessions import Graph, Tensor, describe_runtime
from worker.imaging import ImageArray

_PACKAGE: Final = "rapidocr"
_FILE: Final = "models/PP-OCRv6_det_small.onnx"
_INPUTS: Final = (Tensor((None, 3, None, None)),)
_OUTPUTS: Final = (Tensor((None, 1, None, None)),)
_DETECTING: Final = 0.7
"""Share of the time that the network takes of a picture with a few lines."""
_STEPS: Final = 1000


class TextFinder:
    """Finds written text, line by line, narrowed to its strokes where the ground allows it.

    Args:
        entry: as configured; without a source it is the network in RapidOCR's wheel.
        threads: threads of the network; 0 for all that this process may use.
    """

    def __init__(self, entry: FinderEntry, threads: int = 0) -> None:
        self._entry = entry
        self._threads = threads
        self._graph: Graph | None = None
        self._facts: FinderFacts | None = None

    @property
    def is_loaded(self) -> bool:
        """True if the network is in memory."""
        return self._graph is not None

    def unload(self) -> None:
        """Drop the network."""
        self._graph = None
        gc.collect()

    def load(self) -> FinderFacts:
        """Load the network, if it is not loaded, and return what recipes say of it.

        Raises:
            ModelUnavailable: it is not installed, or another network.
        """
        if self._graph is None or self._facts is None:
            file = find_graph(self._entry) if self._entry.source else _find_installed(self._entry)
            self._graph = Graph(self._entry, file, _INPUTS, _OUTPUTS, self._threads)
            runtime = describe_runtime(self._graph)
            versions = {**runtime["versions"], "opencv": cv2.__version__}
            self._facts = FinderFacts(
                name=self._entry.name,
                family=self._entry.family,
                model_revision=self._entry.revision or digest(file),
                versions=versions,
                details={"device": runtime["device"]},
            )
        return self._facts

    def find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        """Find all lines of text; details say of each whether it was narrowed to its `strokes`."""
        self.load()
        on_step(0, _STEPS)
        marked = detect_lines(
            image, partial(self._look, on_step), query.min_score, partial(on_step, 0, _STEPS)
        )
        # The network takes even areas of some colors for text.
        lines = [line for line in marked if has_contrast(image, line)]
        count = count_lines(image.shape[:2], lines)
        found = []
        for index, line in enumerate(lines):
            share = _DETECTING + (1 - _DETECTING) * index / len(lines)
            on_step(round(share * _STEPS), _STEPS)
            found.append(_describe(image, line, count))
        on_step(_STEPS, _STEPS)
        return sorted(found, key=lambda one: -one.score)

    def _look(self, on_step: StepCallback, planes: Floats) -> Floats:
        if self._graph is None:
            raise ModelUnavailable(f"the finder {self._entry.name} is not loaded")
        [probability] = self._graph.run([planes], lambda: on_step(0, _STEPS))
        return np.asarray(probability[0, 0], np.float32)


def _describe(image: ImageArray, line: TextLine, count: ImageArray) -> Found:
    marked = mark_line(image, line, count)
    score = round(min(line.score, 1.0), 4)
    return Found(marked.box, marked.mask, score, "text", {"shape": marked.shape})


def _find_installed(entry: FinderEntry) -> Path:
    """Return the network's file in RapidOCR's wheel, whose code is not used."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    files = [Path(folder) / _FILE for folder in folders or ()]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        detail = f"the finder {entry.name} needs what pip install 'paintjob[find]' installs"
        raise ModelUnavailable(detail)
    return file
