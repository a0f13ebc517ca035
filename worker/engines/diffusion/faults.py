"""What goes wrong on an accelerator, told apart. Imports nothing heavy: the horse may import it."""

from __future__ import annotations

from service.contract.errors import GpuOutOfMemory, OutOfMemory, PaintingFailed


class DeviceLost(BaseException):
    """The accelerator's context is broken for good: this process can use it no more.

    No `Exception`, so that nothing on the way takes it for the failure of a job: whoever holds the
    process must end it, and start another.
    """


_NO_MEMORY = ("outofmemoryerror", "out of memory", "can't allocate memory", "status_alloc_failed")
_BROKEN = ("cuda error", "hip error")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory is out; the device can be used on."""
    text = f"{type(error).__name__} {error}".lower()
    return any(words in text for words in _NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Whether an error of torch leaves its device unusable: illegal access, assert, ECC, ..."""
    if is_out_of_memory(error):
        return False
    text = str(error).lower()
    return type(error).__name__ == "AcceleratorError" or any(words in text for words in _BROKEN)


def memory_failure(device: str, what: str) -> PaintingFailed:
    """Give the failure that tells whose memory is out: the worker's or the accelerator's.

    Args:
        device: torch's name of its kind, such as `cpu` or `cuda`.
        what: does not fit.
    """
    if device == "cpu":
        return OutOfMemory(f"the worker's memory does not hold {what}")
    return GpuOutOfMemory(f"the accelerator's memory does not hold {what}")
