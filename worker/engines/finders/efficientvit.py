"""EfficientViT-SAM: the thing at points, or in a box, without torch.

Source: Z. Zhang et al., "EfficientViT-SAM", CVPR 2024 workshops; the graphs are those that its
    authors' scripts export: an encoder, and a decoder that is given points.
"""

from __future__ import annotations

import gc
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.finders import FinderEntry
from worker.engines.base import StepCallback
from worker.engines.finders.base import FinderFacts, Found, Query
from worker.engines.finders.cropping import crop_found
from worker.engines.finders.graphs import IMAGENET, digest, enlarge, find_graph, make_planes
from worker.engines.sessions import Graph, Tensor, describe_runtime
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

Floats = NDArray[np.float32]

_FRAME: Final = 1024
"""Side of the square in which points are given, whatever the encoder sees."""
_DECODER_INPUTS: Final = (
    Tensor((1, None, None, None), name="image_embeddings"),
    Tensor((None, None, 2), name="point_coords"),
    Tensor((None, None), name="point_labels"),
)
_DECODER_OUTPUTS: Final = (Tensor((None, None, None, None)), Tensor((None, None)))
_CORNERS: Final = (2.0, 3.0)
"""Labels of a box' first and last corner; of points they are 1 and 0."""


class EfficientVitSamFinder:
    """Finds the thing at points, or in a box.

    Args:
        entry: as configured; `files` names the encoder and the decoder.
        threads: threads of the nets; 0 for all that this process may use.
    """

    def __init__(self, entry: FinderEntry, threads: int = 0) -> None:
        self._entry = entry
        self._threads = threads
        self._graphs: tuple[Graph, Graph] | None = None

    @property
    def is_loaded(self) -> bool:
        """True if the nets are in memory."""
        return self._graphs is not None

    def unload(self) -> None:
        """Drop the nets."""
        self._graphs = None
        gc.collect()

    def load(self) -> FinderFacts:
        """Load the nets, if they are not loaded, and return what recipes say of them.

        Raises:
            ModelUnavailable: a file is missing, changed or another net.
        """
        runtime = describe_runtime(self._loaded()[0])
        return FinderFacts(
            name=self._entry.name,
            family=self._entry.family,
            model_revision=self._entry.revision or digest(find_graph(self._entry)),
            versions={**runtime["versions"], "opencv": cv2.__version__},
            details={"device": runtime["device"]},
        )

    def find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        """Find the thing; of several masks the one is taken that the net is surest of."""
        encoder, decoder = self._loaded()
        on_step(0, 2)
        side = encoder.inputs[0].shape[2] or _FRAME
        [features, *_] = encoder.run([_frame(image, side)], lambda: on_step(0, 2))
        on_step(1, 2)
        places, labels = _prompt(query, _FRAME / max(image.shape[:2]))
        planes, scores = decoder.run([features, places, labels], lambda: on_step(1, 2))
        best = int(scores[0].argmax())
        score = float(np.clip(scores[0, best], 0, 1))
        mask = _unframe(planes[0, best], image.shape[1], image.shape[0])
        on_step(2, 2)
        return crop_found(mask, round(score, 4), "thing") if score >= query.min_score else []

    def _loaded(self) -> tuple[Graph, Graph]:
        if self._graphs is None:
            images, features = [Tensor((1, 3, None, None))], [Tensor((1, None, None, None))]
            self._graphs = (
                Graph(self._entry, find_graph(self._entry), images, features, self._threads),
                Graph(
                    self._entry,
                    find_graph(self._entry, 1),
                    _DECODER_INPUTS,
                    _DECODER_OUTPUTS,
                    self._threads,
                ),
            )
        return self._graphs


def _frame(image: ImageArray, side: int) -> Floats:
    """Return a picture in the upper left of the encoder's square; the rest is 0."""
    factor = side / max(image.shape[:2])
    width, height = (int(length * factor + 0.5) for length in image.shape[1::-1])
    square = np.zeros((1, 3, side, side), np.float32)
    square[:, :, :height, :width] = make_planes(image, (width, height), IMAGENET)
    return square


def _prompt(query: Query, scale: float) -> tuple[Floats, Floats]:
    """Return places (1, n, 2) in the decoder's frame, and their labels (1, n)."""
    places, labels = list(query.points), [float(one) for one in query.labels]
    if query.box is not None:
        places += [query.box[:2], query.box[2:]]
        labels += _CORNERS
    return np.array([places], np.float32) * np.float32(scale), np.array([labels], np.float32)


def _unframe(plane: Floats, width: int, height: int) -> NDArray[np.uint8]:
    """Return the mask of the picture from logits of the whole square."""
    whole = enlarge(plane, _FRAME, _FRAME)
    factor = _FRAME / max(width, height)
    across, down = int(width * factor + 0.5), int(height * factor + 0.5)
    logits = enlarge(np.ascontiguousarray(whole[:down, :across]), width, height)
    return to_uint8(np.where(logits > 0, 255, 0).astype(np.uint8))
