"""Tiny nets with random weights, under the names and shapes of those that are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor

from worker.engines.diffusion.lama.net import LamaNet, LamaShape

OPSET = 17
IR_VERSION = 9
LAMA_SHAPE = LamaShape(width=8, halvings=3, blocks=2)

Axes = list[int | str]


def write_mi_gan(folder: Path, side: int | str = 512, batch: int | str = "batch") -> Path:
    """Write a net of MI-GAN's contract, which blurs and mixes what it is given.

    Args:
        folder: to write to.
        side: of the square that it takes.
        batch: how many pictures; a name for any number.
    """
    random = np.random.default_rng(1)
    weights = {"w": random.normal(0, 0.12, (3, 4, 7, 7)), "b": random.normal(0, 0.1, 3)}
    nodes = [
        helper.make_node("Conv", ["input", "w", "b"], ["mixed"], pads=[3, 3, 3, 3]),
        helper.make_node("Tanh", ["mixed"], ["output"]),
    ]
    inputs = [_value("input", [batch, 4, side, side])]
    outputs = [_value("output", [batch, 3, side, side])]
    return _write(folder / "migan.onnx", nodes, inputs, outputs, weights)


def write_moebius(folder: Path) -> Path:
    """Write three graphs of Moebius' contract; return the folder."""
    random = np.random.default_rng(2)
    encoder = [
        helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["small", "w"], ["moments"]),
    ]
    _write(
        folder / "vae_encoder.onnx",
        encoder,
        [_value("image", ["batch", 3, 512, 512])],
        [_value("moments", ["batch", 8, 64, 64])],
        {"w": random.normal(0, 1, (8, 3, 1, 1))},
    )
    decoder = [
        helper.make_node("Conv", ["latent", "w"], ["small"]),
        helper.make_node("Resize", ["small", "", "scales"], ["image"], mode="nearest"),
    ]
    _write(
        folder / "vae_decoder.onnx",
        decoder,
        [_value("latent", ["batch", 4, 64, 64])],
        [_value("image", ["batch", 3, 512, 512])],
        {"w": random.normal(0, 0.05, (3, 4, 1, 1)), "scales": np.array([1.0, 1.0, 8.0, 8.0])},
    )
    _write_denoiser(folder / "unet.onnx", random)
    return folder


def _write_denoiser(file: Path, random: np.random.Generator) -> None:
    """Write a net whose noise depends on latents, timestep and ids."""
    nodes = [
        helper.make_node("Conv", ["latent", "w"], ["mixed"], pads=[1, 1, 1, 1]),
        helper.make_node("Gather", ["table", "input_ids"], ["learned"], axis=0),
        helper.make_node("ReduceMean", ["learned"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Cast", ["timesteps"], ["times"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["times", "thousandth"], ["shares"]),
        helper.make_node("Unsqueeze", ["shares", "one"], ["column"]),
        helper.make_node("Add", ["mean", "column"], ["shift"]),
        helper.make_node("Unsqueeze", ["shift", "last"], ["planes"]),
        helper.make_node("Add", ["mixed", "planes"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["noise"]),
    ]
    inputs = [
        _value("latent", ["batch", 9, 64, 64]),
        _value("timesteps", ["batch"], TensorProto.INT64),
        _value("input_ids", ["batch", 10], TensorProto.INT64),
    ]
    weights: dict[str, Any] = {
        "w": random.normal(0, 0.2, (4, 9, 3, 3)),
        "table": random.normal(0, 0.3, (20, 4)),
        "thousandth": np.array(0.001),
        "one": np.array([1], np.int64),
        "last": np.array([2, 3], np.int64),
    }
    _write(file, nodes, inputs, [_value("noise", ["batch", 4, 64, 64])], weights)


def write_lama(folder: Path) -> Path:
    """Write a state dict of LaMa's names as safetensors."""
    file = folder / "lama.safetensors"
    save_file(make_lama_weights(), file)
    return file


def make_lama_weights(shape: LamaShape = LAMA_SHAPE) -> dict[str, Tensor]:
    """Return a state dict by the published names, with statistics of its own."""
    torch.manual_seed(3)
    net = LamaNet(shape)
    for name, values in net.state_dict().items():
        if name.endswith("running_mean"):
            values.normal_(0, 0.3)
        elif name.endswith("running_var"):
            values.uniform_(0.5, 2)
    return {f"generator.{name}": values.clone() for name, values in net.state_dict().items()}


def _value(name: str, shape: Axes, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _write(
    file: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: dict[str, Any],
) -> Path:
    constants = [numpy_helper.from_array(_narrow(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString())
    return file


def _narrow(array: Any) -> Any:
    return array if array.dtype == np.int64 else array.astype(np.float32)
