"""The compiler behind a typed name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar, cast

import numba
import structlog

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Threads are ours (see `strips`), hence `nogil`; numba's own `parallel=True` compiles four times
# as long and brings an OpenMP whose waiting threads spin beside torch's. No `fastmath`: sums must
# come out the same wherever they are compiled in.
_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy"}
# `_nrt` is one of numba's own options that its types do not name: no counting of references.
_KERNEL_OPTIONS: Final[dict[str, Any]] = {**_OPTIONS, "forceinline": True, "_nrt": False}

log = structlog.get_logger()


def compiled(function: Kernel) -> Kernel:
    """Return a function compiled at its first call and kept on disk from then on.

    Where numba finds no folder that can be written, each process compiles for itself.
    numba's own type loses the signature; this one says that it stays. What is kept knows
    only its own file: after a change to a kernel that others call, remove the `*.nbi` files.
    """
    return _decorate(function, _OPTIONS)


def kernel(function: Kernel) -> Kernel:
    """Return a compiled function, as `compiled` does, that makes no arrays and calls its like.

    Whoever calls it keeps its arrays alive, so it counts no references. Counting them at each
    call, for each array of a `Ground`, took five sixths of the time of a search.
    """
    return _decorate(function, _KERNEL_OPTIONS)


def _decorate(function: Kernel, options: dict[str, Any]) -> Kernel:
    compile_: Any = numba.njit
    try:
        return cast(Kernel, compile_(cache=True, **options)(function))
    except RuntimeError:
        _report_once()
        return cast(Kernel, compile_(**options)(function))


@cache
def _report_once() -> None:
    detail = "no folder for compiled code can be written, so every start compiles anew"
    log.warning("kernels_not_kept", detail=detail)
