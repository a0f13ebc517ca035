"""Faults of a request, raised all at once."""

from __future__ import annotations

from collections.abc import Iterable

from service.contract.errors import Fault, InvalidField, PaintjobError, get_error_class


def raise_faults(faults: Iterable[Fault]) -> None:
    """Raise all faults at once, if there are any.

    Raises:
        PaintjobError: the class of the faults' code if they share one, else `InvalidField`.
    """
    found = tuple(faults)
    if not found:
        return
    codes = {fault.code for fault in found}
    kind = get_error_class(found[0].code) if len(codes) == 1 else InvalidField
    detail = (
        found[0].message
        if len(found) == 1
        else f"{len(found)} rules are broken; `errors` lists them"
    )
    raise kind(detail, faults=found)


def fault_of(pointer: str, error: PaintjobError) -> Fault:
    """Return an error as one fault of a request."""
    return Fault(pointer, error.code, error.detail)
