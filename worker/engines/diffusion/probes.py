"""Measuring the free memory and that of a call: of the accelerator, or of the process."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Final, Protocol

import torch

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
_MEMORY: Final = Path("/proc/meminfo")
_GROUP: Final = Path("/sys/fs/cgroup")


class MemoryProbe(Protocol):
    """Measures the memory that calls take."""

    def free(self) -> int | None:
        """Return the free bytes; `None` if they are unknown."""
        ...

    def begin(self) -> None:
        """Reset the peak."""
        ...

    def peak(self) -> int | None:
        """Return the peak since `begin` minus the bytes in use then; `None` if unknown."""
        ...


class DeviceProbe:  # pragma: gpu
    """Measures the accelerator by torch's own figures."""

    def __init__(self) -> None:
        self._before = 0

    def free(self) -> int | None:
        """See `MemoryProbe`; memory that torch caches counts as free."""
        free, _ = torch.cuda.mem_get_info()
        return int(free) + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()

    def begin(self) -> None:
        """See `MemoryProbe`."""
        torch.cuda.reset_peak_memory_stats()
        self._before = torch.cuda.memory_allocated()

    def peak(self) -> int | None:
        """See `MemoryProbe`."""
        return torch.cuda.max_memory_allocated() - self._before


class ProcessProbe:
    """Measures the process' resident memory by the kernel's figures, on Linux only."""

    def __init__(self) -> None:
        self._before: int | None = None

    def free(self) -> int | None:
        """See `MemoryProbe`; the lower of the machine's and the control group's free memory."""
        known = [read_kibibytes(_MEMORY, "MemAvailable"), read_group_free(_GROUP)]
        return min((value for value in known if value is not None), default=None)

    def begin(self) -> None:
        """See `MemoryProbe`."""
        # Memory that was freed but kept by the process would hide part of the call's.
        trim_heap()
        try:
            # Source: proc_pid_clear_refs(5): 5 resets the peak of resident memory.
            _CLEAR.write_text("5")
        except OSError:
            self._before = None
        else:
            self._before = read_kibibytes(_STATUS, "VmRSS")

    def peak(self) -> int | None:
        """See `MemoryProbe`."""
        highest = read_kibibytes(_STATUS, "VmHWM")
        if self._before is None or highest is None:
            return None
        return max(highest - self._before, 0)


def choose_probe(device: str) -> MemoryProbe:
    """Return the probe of a kind of device, by torch's name."""
    return DeviceProbe() if device == "cuda" else ProcessProbe()


def trim_heap() -> None:
    """Return freed memory to the system, if the allocator is glibc's."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return


def read_kibibytes(file: Path, name: str) -> int | None:
    """Return the bytes of an entry in kB of a file of the kernel; `None` if it is missing.

    Args:
        file: with lines such as `VmRSS:  1024 kB`.
        name: before the colon.
    """
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    value = next(found, None)
    return None if value is None else int(value) * 1024


def read_group_free(folder: Path) -> int | None:
    """Return the bytes that a control group may still take; `None` if it has no limit.

    Args:
        folder: of the group, with the files of version 2.
    """
    try:
        limit = (folder / "memory.max").read_text().strip()
        taken = int((folder / "memory.current").read_text())
    except (OSError, ValueError):
        return None
    return max(int(limit) - taken, 0) if limit.isdecimal() else None
