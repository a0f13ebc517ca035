"""LaMa: the published state dict, its precisions, and what is refused at load.

With equal random weights and statistics, `FFCResNetGenerator` of advimman/lama (commit 786f5936,
settings of `big-lama.yaml`: 18 blocks, 51 million parameters, and smaller ones) and our net gave
equal outputs, bit for bit, at 256 x 256, 200 x 136 and 72 x 64.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from service.contract.params import InpaintParams
from tests.support.pictures import make_rgb
from tests.support.tiny_nets import LAMA_SHAPE, make_lama_weights, write_lama
from worker.engines.base import Canvas
from worker.engines.diffusion.lama.eraser import load_lama
from worker.engines.diffusion.lama.net import FourierUnit
from worker.engines.diffusion.lama.reading import build_net
from worker.engines.erasers.engine import EraserEngine
from worker.engines.erasing import NetInputs, NetSettings
from worker.reporting import Aborted

PUBLISHED = {
    "generator.model.1.ffc.convl2l.weight": (8, 4, 7, 7),
    "generator.model.4.ffc.convl2g.weight": (48, 32, 3, 3),
    "generator.model.5.conv1.ffc.convg2g.conv1.0.weight": (24, 48, 1, 1),
    "generator.model.5.conv1.ffc.convg2g.fu.conv_layer.weight": (48, 48, 1, 1),
    "generator.model.6.conv2.ffc.convg2g.conv2.weight": (48, 24, 1, 1),
    "generator.model.6.conv2.bn_g.running_var": (48,),
    "generator.model.8.weight": (64, 32, 3, 3),
    "generator.model.18.bias": (3,),
}
"""Names and shapes of some parameters as the authors' module of these sizes has them."""


def entry_of(source: Path, **changes: object) -> ModelEntry:
    values: dict[str, object] = {"name": "tiny-lama", "family": "lama", "native_pixels": 128 * 128}
    return ModelEntry.model_validate({**values, "source": str(source), **changes})


def make_inputs(count: int = 1) -> NetInputs:
    images = [make_rgb("texture", 96, 64, seed) for seed in range(count)]
    mask = np.zeros((64, 96), np.uint8)
    mask[20:40, 30:60] = 255
    return NetInputs(images, [mask] * count, [0] * count, NetSettings())


def test_parameters_have_the_published_names() -> None:
    weights = make_lama_weights(LAMA_SHAPE)
    assert {name: tuple(weights[name].shape) for name in PUBLISHED} == PUBLISHED


@pytest.mark.parametrize("prefix", ["generator.model.", "model.generator.model.", "model.model."])
def test_a_state_dict_is_read_under_any_prefix(prefix: str) -> None:
    weights = {
        name.replace("generator.model.", prefix): values
        for name, values in make_lama_weights().items()
    }
    weights["discriminator.model0.0.weight"] = torch.zeros(1)
    net = build_net("tiny", weights, torch.float32)
    assert len(net.model) == len(build_net("tiny", make_lama_weights(), torch.float32).model)


def test_a_state_dict_with_missing_or_strange_keys_is_refused_by_name(tmp_path: Path) -> None:
    weights = make_lama_weights()
    del weights["generator.model.6.conv2.bn_g.running_var"]
    weights["generator.model.6.conv2.extra"] = torch.zeros(1)
    save_file(weights, tmp_path / "lama.safetensors")
    found = r"lacks model\.6\.conv2\.bn_g\.running_var; does not know model\.6\.conv2\.extra"
    with pytest.raises(ModelUnavailable, match=found):
        load_lama(entry_of(tmp_path), 1)


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      "])
def test_files_that_are_not_of_lama_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lama.safetensors").write_bytes(content)
    with pytest.raises(ModelUnavailable, match="tiny-lama is"):
        load_lama(entry_of(tmp_path), 1)


def test_float16_is_refused_and_bfloat16_is_near(tmp_path: Path) -> None:
    write_lama(tmp_path)
    with pytest.raises(ModelUnavailable, match="cannot be used in float16"):
        load_lama(entry_of(tmp_path, dtype="float16"), 1)
    exact = load_lama(entry_of(tmp_path), 1).erase(make_inputs(), lambda _: None)
    near = load_lama(entry_of(tmp_path, dtype="bfloat16"), 1)
    assert all(
        parameter.dtype == torch.float32
        for unit in near._net.modules()
        if isinstance(unit, FourierUnit)
        for parameter in unit.parameters()
    )
    assert np.abs(near.erase(make_inputs(), lambda _: None) - exact).max() < 0.02


def test_pictures_of_a_call_do_not_change_each_other(tmp_path: Path) -> None:
    write_lama(tmp_path)
    net = load_lama(entry_of(tmp_path), 1)
    together, alone = (net.erase(make_inputs(count), lambda _: None) for count in (2, 1))
    assert together.shape == (2, 64, 96, 3)
    assert np.abs(together[:1] - alone).max() < 1e-5


def test_a_canceled_call_ends_between_layers(tmp_path: Path) -> None:
    write_lama(tmp_path)
    net, seen = load_lama(entry_of(tmp_path), 1), []

    def check(step: int) -> None:
        seen.append(step)
        if len(seen) == 4:
            raise Aborted

    with pytest.raises(Aborted):
        net.erase(make_inputs(), check)
    assert len(seen) == 4


def test_pictures_are_painted_at_their_own_size(tmp_path: Path) -> None:
    write_lama(tmp_path)
    mask = np.zeros((101, 99), np.uint8)
    mask[40:60, 50:70] = 255
    canvas = Canvas(make_rgb("texture", 99, 101), mask, InpaintParams(), 1)
    engine = EraserEngine(entry_of(tmp_path), load_lama, 1)
    [painted] = engine.paint([canvas], lambda *_: None)
    crop = {"box": [0, 0, 99, 101], "size": [99, 101], "detail": "net"}
    assert painted.details["crops"] == [crop]
    assert np.array_equal(painted.image[mask == 0], canvas.image[mask == 0])
