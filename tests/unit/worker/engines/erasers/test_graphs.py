"""What is refused at load, by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from tests.support.tiny_nets import write_mi_gan, write_moebius
from tests.unit.worker.engines.erasers.conftest import entry_of
from worker.engines.erasers.mi_gan import load_mi_gan
from worker.engines.erasers.moebius import load_moebius
from worker.engines.erasing import NetInputs, NetSettings


def test_a_graph_with_other_inputs_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_moebius(tmp_path)
    other = entry_of("mi-gan", folder / "vae_encoder.onnx")
    with pytest.raises(
        ModelUnavailable, match=r"vae_encoder\.onnx .* is another graph: its inputs"
    ):
        load_mi_gan(other, 1)
    (folder / "unet.onnx").write_bytes((folder / "vae_decoder.onnx").read_bytes())
    with pytest.raises(ModelUnavailable, match=r"unet\.onnx .* family has latent .* timesteps"):
        load_moebius(entry_of("moebius", folder), 1)


def test_a_graph_of_no_fixed_side_is_refused(tmp_path: Path) -> None:
    file = write_mi_gan(tmp_path, side="side")
    with pytest.raises(ModelUnavailable, match="must take squares of one size"):
        load_mi_gan(entry_of("mi-gan", file), 1)


def test_what_is_no_graph_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"has no file migan\.onnx"):
        load_mi_gan(entry_of("mi-gan", tmp_path), 1)
    (tmp_path / "migan.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelUnavailable, match=r"migan\.onnx .* cannot be read as ONNX"):
        load_mi_gan(entry_of("mi-gan", tmp_path), 1)


def test_another_precision_than_the_file_has_is_refused(mi_gan: ModelEntry) -> None:
    half = mi_gan.model_copy(update={"dtype": "float16"})
    with pytest.raises(ModelUnavailable, match="leave out dtype float16"):
        load_mi_gan(half, 1)


def test_a_graph_for_one_picture_is_called_for_each(tmp_path: Path) -> None:
    images = [np.full((64, 64, 3), level, np.uint8) for level in (40, 200)]
    masks = [np.full((64, 64), 255, np.uint8), np.zeros((64, 64), np.uint8)]
    inputs = NetInputs(images, masks, [1, 2], NetSettings())
    found = []
    for batch in (1, "batch"):
        file = write_mi_gan(tmp_path, side=64, batch=batch)
        found.append(load_mi_gan(entry_of("mi-gan", file), 1).erase(inputs, lambda _: None))
    assert found[0].shape == (2, 64, 64, 3)
    assert np.abs(found[0] - found[1]).max() < 1e-6
