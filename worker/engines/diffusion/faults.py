"""Failures of an accelerator, by kind. Imports nothing heavy: the horse may import it."""

from __future__ import annotations

from service.contract.errors import GpuOutOfMemory, OutOfMemory, PaintingFailed


class DeviceLost(BaseException):
    """The accelerator's context is broken: this process cannot use it any more.

    Not an `Exception`, so that no handler takes it for the failure of a job: the owner of the
    process must end it and start another one.
    """


_NO_MEMORY = ("outofmemoryerror", "out of memory", "can't allocate memory", "status_alloc_failed")
_BROKEN = ("cuda error", "hip error")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch means out of memory; the device stays usable."""
    text = f"{type(error).__name__} {error}".lower()
    return any(words in text for words in _NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Return whether an error of torch leaves the device unusable: illegal access, ECC error."""
    if is_out_of_memory(error):
        return False
    text = str(error).lower()
    return type(error).__name__ == "AcceleratorError" or any(words in text for words in _BROKEN)


def memory_failure(device: str, what: str) -> PaintingFailed:
    """Return the failure that names whose memory is used up: the worker's or the accelerator's.

    Args:
        device: torch's name of its kind, such as `cpu` or `cuda`.
        what: that did not fit.
    """
    if device == "cpu":
        return OutOfMemory(f"the worker's memory does not hold {what}")
    return GpuOutOfMemory(f"the accelerator's memory does not hold {what}")
