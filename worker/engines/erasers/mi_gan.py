"""MI-GAN as its bare net in ONNX' format.

Source: A. Sargsyan et al., "MI-GAN: A Simple Baseline for Image Inpainting on Mobile Devices", ICCV
    2023; the contract of its input is that of the authors' `scripts/demo.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from worker.engines.erasing import Check, Floats, NetInputs, NetSettings
from worker.engines.sessions import (
    Graph,
    Tensor,
    check_float32,
    describe_runtime,
    find_file,
)
from worker.imaging import ImageArray, MaskArray


class MiGan:
    """The net in memory.

    Args:
        graph: takes (N, 4, S, S), returns (N, 3, S, S).
        name: of the model, for errors.

    Raises:
        ModelUnavailable: its side is not fixed.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self._graph = graph
        height, width = graph.inputs[0].shape[2:]
        if height is None or height != width:
            raise ModelUnavailable(f"the net of {name} must take squares of one size")
        self.side: int | None = height

    @property
    def repaints_all(self) -> bool:
        """False: what the net makes of kept pixels was never compared with them in training."""
        return False

    def count_steps(self, settings: NetSettings) -> int:
        """Return 1: the net paints in a single pass."""
        return 1

    def erase(self, inputs: NetInputs, check: Check) -> Floats:
        """Paint the pictures of a call, together if the graph takes several."""
        batch = np.stack(
            [make_input(*pair) for pair in zip(inputs.images, inputs.masks, strict=True)]
        )
        size = len(batch) if self._graph.shares_calls else 1
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        found = [self._graph.run([part], lambda: check(0))[0] for part in parts]
        output = np.concatenate(found)
        output *= 0.5
        output += 0.5
        return np.asarray(output.transpose(0, 2, 3, 1), np.float32)

    def describe(self) -> Mapping[str, Any]:
        """Return what a recipe says of the net."""
        return describe_runtime(self._graph)


def make_input(image: ImageArray, mask: MaskArray) -> Floats:
    """Return the net's input: float32 (4, S, S), the mask, then the picture without the hole.

    Args:
        image: RGB uint8 (S, S, 3).
        mask: uint8 (S, S), 255 repaint.
    """
    kept = mask == 0
    planes = np.empty((4, *mask.shape), np.float32)
    np.subtract(kept, 0.5, out=planes[0], casting="unsafe")
    np.multiply(image.transpose(2, 0, 1), 2 / 255, out=planes[1:], casting="unsafe")
    planes[1:] -= 1
    planes[1:] *= kept
    return planes


def load_mi_gan(entry: ModelEntry, threads: int) -> MiGan:
    """Read the net.

    Raises:
        ModelUnavailable: its file is missing or another graph.
    """
    check_float32(entry)
    file = find_file(entry, entry.files[0])
    inputs, outputs = [Tensor((None, 4, None, None))], [Tensor((None, 3, None, None))]
    return MiGan(Graph(entry, file, inputs, outputs, threads), entry.name)
