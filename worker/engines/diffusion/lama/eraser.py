"""LaMa as an eraser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from worker.engines.diffusion.companions import DTYPES
from worker.engines.diffusion.faults import (
    DeviceLost,
    is_device_lost,
    is_out_of_memory,
    memory_failure,
)
from worker.engines.diffusion.lama.net import LamaNet
from worker.engines.diffusion.lama.reading import read_net
from worker.engines.diffusion.loading import choose_device
from worker.engines.erasing import Check, Floats, NetInputs, NetSettings

HALF: Final = "float16"


class Lama:
    """The net in memory.

    Args:
        net: on its device.
        dtype: of its inputs.
        device: torch's name.
    """

    side: int | None = None

    def __init__(self, net: LamaNet, dtype: torch.dtype, device: str) -> None:
        self._net, self._dtype, self._device = net, dtype, device

    @property
    def repaints_all(self) -> bool:
        """True: it was trained to return kept pixels nearly as they are."""
        return True

    def count_steps(self, settings: NetSettings) -> int:
        """Return 1: the net paints in a single pass."""
        return 1

    def erase(self, inputs: NetInputs, check: Check) -> Floats:
        """Paint the pictures of a call.

        Raises:
            OutOfMemory, GpuOutOfMemory: the memory does not hold the call.
            DeviceLost: the device is broken.
        """
        try:
            with torch.inference_mode():
                output = self._net(self._make_input(inputs), lambda: check(0))
                return np.asarray(output.permute(0, 2, 3, 1).float().cpu().numpy())
        except (RuntimeError, MemoryError) as error:
            if is_device_lost(error):
                raise DeviceLost("the accelerator cannot be used") from None
            if not is_out_of_memory(error):
                raise
        raise memory_failure(self._device, "a call of the net")

    def describe(self) -> Mapping[str, Any]:
        """Return what a recipe says of the net."""
        return {
            "engine": "torch",
            "device": self._device,
            "versions": {"torch": str(torch.__version__)},
        }

    def _make_input(self, inputs: NetInputs) -> Tensor:
        """Return the net's input: pictures without their holes, then the masks."""
        images = torch.from_numpy(np.stack(inputs.images)).to(self._device).permute(0, 3, 1, 2)
        masks = torch.from_numpy(np.stack(inputs.masks)).to(self._device)[:, None] > 0
        pictures = images.to(torch.float32).div_(255).masked_fill_(masks, 0)
        return torch.cat((pictures, masks.to(torch.float32)), dim=1).to(self._dtype)


def load_lama(entry: ModelEntry, threads: int) -> Lama:
    """Read the net onto the accelerator, or the processor where there is none.

    Raises:
        ModelUnavailable: its file is missing or of another net, or the precision is float16.
        GpuOutOfMemory: the accelerator's memory does not hold it.
    """
    if entry.dtype == HALF:
        raise ModelUnavailable(
            f"the model {entry.name} cannot be used in float16, in which its spectra overflow; set "
            "dtype to bfloat16 or float32"
        )
    if threads:
        torch.set_num_threads(threads)
    dtype, device = DTYPES[entry.dtype], choose_device()
    net = read_net(entry, dtype)
    try:
        return Lama(net.to(device), dtype, device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    raise memory_failure(device, entry.name)
