from __future__ import annotations

import pytest
import torch

from service.contract.errors import GpuOutOfMemory, OutOfMemory
from worker.engines.diffusion.faults import (
    is_device_lost,
    is_out_of_memory,
    memory_failure,
)


@pytest.mark.parametrize(
    ("error", "memory", "lost"),
    [
        (torch.OutOfMemoryError(), True, False),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True, False),
        (RuntimeError("CUDA error: out of memory"), True, False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling it"), True, False),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True, False),
        (RuntimeError("CUDA error: device-side assert triggered"), False, True),
        (torch.AcceleratorError("uncorrectable ECC error encountered"), False, True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False, False),
    ],
)
def test_faults_are_told_apart(error: RuntimeError, memory: bool, lost: bool) -> None:
    assert is_out_of_memory(error) is memory
    assert is_device_lost(error) is lost


def test_memory_failure_tells_whose_memory_is_out() -> None:
    assert isinstance(memory_failure("cpu", "this picture"), OutOfMemory)
    assert isinstance(memory_failure("cuda", "this picture"), GpuOutOfMemory)
