"""Limits of the memory that a process with many threads keeps after large allocations.

By default glibc keeps an arena for each of many threads, and stops mapping large blocks by
themselves once one has been freed: the memory of a picture then stays with the thread that decoded
it. Measured with one API process, 16 megapixels each: after 24 requests in turn (masks, regions
and alpha) it held 177 MiB, and 322 MiB after 18 more, 6 at a time; with the limits below 81 and
114 MiB, from 65 at the start, for some 25 ms of kernel time a request. Limiting arenas alone makes
it 124 and 165.
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""Parameters of `mallopt`. Source: malloc.h of glibc, and mallopt(3)."""

MAPPED_BYTES: Final = 4 * 1024 * 1024
"""Blocks of this size and more are mapped by themselves, and returned to the system when freed.

Setting it also fixes it: glibc would raise it to up to 32 MiB, and pixels come in blocks of 16."""

SPARE_BYTES: Final = 2 * MAPPED_BYTES
"""Free memory that may stay at the end of the heap.

Fixing the other limit fixes this one too, at 128 KiB: the heap would shrink and grow with every
request."""

ARENAS: Final = 2
"""Two suffice: Python lets one thread allocate at a time, and only decoders run beside it."""


def bound_idle_memory() -> bool:
    """Make the allocator return memory to the system early; call it before threads start.

    Returns:
        Whether the allocator has these limits: glibc's has, others are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    limits = {
        _M_ARENA_MAX: ARENAS,
        _M_MMAP_THRESHOLD: MAPPED_BYTES,
        _M_TRIM_THRESHOLD: SPARE_BYTES,
    }
    return all(mallopt(name, value) == 1 for name, value in limits.items())
