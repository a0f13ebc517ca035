"""How a process of many threads gives memory back that it needed for a moment.

Left alone, glibc keeps an arena for each of many threads and stops mapping large blocks by
themselves once it has seen one freed: what a picture took then stays with whichever thread has
measured it. Measured with one API process, 16 megapixels each: after 24 requests in turn (masks,
regions and alpha) it held 177 MiB, and 322 MiB after 18 more, 6 at a time; with the limits below 81
and 114 MiB, from 65 at the start, for some 25 ms of the kernel's time a request. Bounding arenas
alone makes it 124 and 165.
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""Names of limits. Source: malloc.h of glibc, and mallopt(3)."""

MAPPED_BYTES: Final = 4 * 1024 * 1024
"""From this size a block is mapped by itself and given back when it is freed. To set it also fixes
it: glibc would raise it to up to 32 MiB, and pixels come in blocks of 16."""

SPARE_BYTES: Final = 2 * MAPPED_BYTES
"""What may stay free at the end of the heap. Once the other limit is fixed, so is this one, at 128
KiB: the heap would shrink and grow with every request."""

ARENAS: Final = 2
"""Python lets one thread allocate at a time, and only decoders work beside it."""


def bound_idle_memory() -> bool:
    """Have the allocator give memory back soon; call it before a process has threads.

    Returns:
        Whether this allocator can be told so: glibc's can, others are left as they are.
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
