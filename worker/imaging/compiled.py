"""The compiler behind a typed name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Threads are ours (see `strips`), hence `nogil`; numba's own `parallel=True` compiles four times
# as long and brings an OpenMP whose waiting threads spin beside torch's. No `fastmath`: sums must
# come out the same wherever they are compiled in.
_decorate: Final = numba.njit(cache=True, nogil=True, error_model="numpy")


def compiled(function: Kernel) -> Kernel:
    """Return a function compiled at its first call and kept on disk from then on.

    numba's own type loses the signature; this one says that it stays. What is kept knows
    only its own file: after a change to a kernel that others call, remove the `*.nbi` files.
    """
    return cast(Kernel, _decorate(function))
