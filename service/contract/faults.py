"""Faults of a request, raised all at once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from service.contract.errors import Fault, InvalidField, PaintjobError, get_error_class

_REWORDED = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Extra inputs are not permitted$"), "does not exist; check its spelling"),
    (re.compile(r"^Field required$"), "is required"),
    (re.compile(r"^(Input|Value|String|List|Tuple) should "), "must "),
    (re.compile(r"(,| after validation, not) (unable to|got a number|\d).*$"), ""),
)
"""Phrases of pydantic, and what callers read instead of them."""


def reword(message: str) -> str:
    """Return a message of pydantic in the words of the service: what must be, without a subject."""
    for phrase, ours in _REWORDED:
        message = phrase.sub(ours, message)
    return message


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
        f"{found[0].pointer}: {found[0].message}".removeprefix(": ")
        if len(found) == 1
        else f"{len(found)} rules are broken; `errors` lists them"
    )
    raise kind(detail, faults=found)


def fault_of(pointer: str, error: PaintjobError) -> Fault:
    """Return an error as one fault of a request."""
    return Fault(pointer, error.code, error.detail)
