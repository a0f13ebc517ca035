"""Tiny ONNX graphs with the inputs and outputs of finders' nets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def save_text_detector(file: Path) -> None:
    """Save a net that takes dark pixels for text."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["gray"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["gray", "slope"], ["steep"]),
        helper.make_node("Sigmoid", ["steep"], ["probability"]),
    ]
    sides = ["height", "width"]
    inputs = [_tensor("x", ["batch", 3, *sides])]
    outputs = [_tensor("probability", ["batch", 1, *sides])]
    _save(file, nodes, inputs, outputs, {"slope": -12.0})


def save_salience(file: Path, side: int = 64) -> None:
    """Save a net that takes light pixels for the subject."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["gray"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["gray", "slope"], ["output"]),
    ]
    inputs = [_tensor("input", [1, 3, side, side])]
    _save(file, nodes, inputs, [_tensor("output", [1, 1, side, side])], {"slope": 8.0})


def save_efficientvit(folder: Path, side: int = 64) -> tuple[str, str]:
    """Save an encoder and a decoder whose masks are the picture's light and dark parts."""
    encoder = [
        helper.make_node(
            "AveragePool", ["input_image"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]
        )
    ]
    encoder.append(helper.make_node("Identity", ["pooled"], ["image_embeddings"]))
    small = side // 4
    _save(
        folder / "encoder.onnx",
        encoder,
        [_tensor("input_image", [1, 3, side, side])],
        [_tensor("image_embeddings", [1, 3, small, small])],
        {},
    )
    decoder = [
        helper.make_node("ReduceMean", ["image_embeddings"], ["light"], axes=[1], keepdims=1),
        helper.make_node("Neg", ["light"], ["dark"]),
        helper.make_node("Concat", ["light", "dark"], ["masks"], axis=1),
        # How many points are of the thing, and the mean of where they are, only to be of use.
        helper.make_node("ReduceMean", ["point_labels"], ["label"], axes=[1], keepdims=1),
        helper.make_node("ReduceMean", ["point_coords"], ["place"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["place", "one"], ["places"]),
        helper.make_node("Mul", ["places", "zero"], ["nothing"]),
        helper.make_node("Sub", ["label", "half"], ["other"]),
        helper.make_node("Add", ["other", "nothing"], ["second"]),
        helper.make_node("Concat", ["label", "second"], ["iou_predictions"], axis=1),
    ]
    _save(
        folder / "decoder.onnx",
        decoder,
        [
            _tensor("image_embeddings", [1, 3, small, small]),
            _tensor("point_coords", ["batch", "points", 2]),
            _tensor("point_labels", ["batch", "points"]),
        ],
        [_tensor("masks", [1, 2, small, small]), _tensor("iou_predictions", ["batch", 2])],
        {"zero": 0.0, "half": 0.5},
        {"one": np.array([1], np.int64)},
    )
    return "encoder.onnx", "decoder.onnx"


def _tensor(name: str, shape: list[Any]) -> Any:
    return helper.make_tensor_value_info(name, FLOAT, shape)


def _save(
    file: Path,
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    constants: dict[str, float],
    arrays: dict[str, Any] | None = None,
) -> None:
    known = {name: np.array(value, np.float32) for name, value in constants.items()}
    initial = [
        numpy_helper.from_array(array, name) for name, array in {**known, **(arrays or {})}.items()
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, file)
