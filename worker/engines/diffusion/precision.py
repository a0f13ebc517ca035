"""Running a pipeline in higher precision temporarily."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_LOW = (torch.float16, torch.bfloat16)


def can_be_raised(pipeline: Any) -> bool:
    """Return whether float32 differs: not if the model is float32, quantized or offloaded."""
    tensors = list(_tensors(pipeline))
    is_whole = all(
        tensor.is_floating_point() and tensor.itemsize > 1 and tensor.device.type != "meta"
        for tensor in tensors
    )
    return is_whole and any(tensor.dtype in _LOW for tensor in tensors)


@contextmanager
def in_float32(pipeline: Any) -> Iterator[None]:
    """Convert every weight to float32, and afterwards back to its own dtype without loss."""
    raised = [(tensor, tensor.dtype) for tensor in _tensors(pipeline) if tensor.dtype in _LOW]
    try:
        for tensor, _ in raised:
            raise_tensor(tensor)
        yield
    finally:
        for tensor, dtype in raised:
            tensor.data = tensor.data.to(dtype)


def raise_tensor(tensor: torch.Tensor) -> None:
    """Convert one tensor to float32, in place."""
    tensor.data = tensor.data.float()


def _tensors(pipeline: Any) -> Iterator[torch.Tensor]:
    for component in pipeline.components.values():
        if isinstance(component, nn.Module):
            yield from component.parameters()
            yield from (one for one in component.buffers() if one.is_floating_point())
