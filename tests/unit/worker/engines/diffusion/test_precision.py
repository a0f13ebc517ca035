from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from worker.engines.diffusion.precision import can_be_raised, in_float32


def pipeline_of(*modules: nn.Module) -> SimpleNamespace:
    return SimpleNamespace(components={str(index): one for index, one in enumerate(modules)})


def test_in_float32_brings_everything_back_without_loss() -> None:
    half, whole = nn.BatchNorm2d(3).to(torch.bfloat16), nn.Linear(2, 2)
    nn.init.normal_(half.weight)
    before = half.weight.clone()
    with pytest.raises(InterruptedError), in_float32(pipeline_of(half, whole)):
        assert {one.dtype for one in half.state_dict().values()} == {torch.float32, torch.int64}
        raise InterruptedError
    assert torch.equal(half.weight, before) and half.weight.dtype is torch.bfloat16
    assert whole.weight.dtype is torch.float32


def test_can_be_raised_only_where_it_would_differ() -> None:
    half = nn.Linear(2, 2).half()
    quantized = nn.Linear(2, 2).half()
    quantized.weight = nn.Parameter(torch.zeros((2, 2), dtype=torch.int8), requires_grad=False)
    assert can_be_raised(pipeline_of(half, nn.Linear(2, 2)))
    assert not can_be_raised(pipeline_of(nn.Linear(2, 2)))
    assert not can_be_raised(pipeline_of(half, quantized))
    assert not can_be_raised(pipeline_of(half, nn.Linear(2, 2, device="meta")))
