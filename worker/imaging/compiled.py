"""The compiler behind typed names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Threads are ours (see `strips`), hence `nogil`; numba's own `parallel=True` compiles four times
# as long and brings an OpenMP whose waiting threads spin beside torch's. No `fastmath`: sums must
# come out the same wherever they are compiled in.
_OPTIONS: Final[dict[str, Any]] = {"cache": True, "nogil": True, "error_model": "numpy"}

_decorate: Final = numba.njit(**_OPTIONS)
# `_nrt` is one of numba's own options that its types do not name: no counting of references.
_decorate_kernel: Final = cast(Any, numba.njit)(**_OPTIONS, forceinline=True, _nrt=False)


def compiled(function: Kernel) -> Kernel:
    """Return a function compiled at its first call and kept on disk from then on.

    numba's own type loses the signature; this one says that it stays. What is kept knows
    only its own file: after a change to a kernel that others call, remove the `*.nbi` files.
    """
    return cast(Kernel, _decorate(function))


def kernel(function: Kernel) -> Kernel:
    """Return a compiled function, as `compiled` does, that makes no arrays and calls its like.

    Whoever calls it keeps its arrays alive, so it counts no references. Counting them at each
    call, for each array of a `Ground`, took five sixths of the time of a search.
    """
    return cast(Kernel, _decorate_kernel(function))
