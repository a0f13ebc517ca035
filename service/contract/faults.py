"""Faults of a request, raised all at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from service.contract.errors import Fault, InvalidField, PaintjobError, get_error_class

_REWORDED = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Extra inputs are not permitted$"), "does not exist; check its spelling"),
    (re.compile(r"^Field required$"), "is required"),
    (re.compile(r"^(Input|Value|String|List|Tuple) should "), "must "),
    (re.compile(r"\ba valid dictionary( or (instance|object) .*)?$"), "an object"),
    (re.compile(r"(,| after validation, not) (unable to|got a number|\d).*$"), ""),
)
"""Phrases of pydantic, and what callers read instead of them."""


_MAX_NAME = 64
"""Longest unknown name that is compared with known ones, which takes time."""


def describe_unknown(name: object, known: Collection[str]) -> str:
    """Return the message of a field that does not exist, with the one that may be meant."""
    meant = _find_similar(name, known) if isinstance(name, str) and len(name) <= _MAX_NAME else None
    return f"does not exist; {f'did you mean {meant}?' if meant else 'check its spelling'}"


def _find_similar(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is spelled nearly alike, or the only one with this word in it."""
    name = name.lower().replace("-", "_")
    if near := get_close_matches(name, known, n=1, cutoff=0.7):
        return near[0]
    longer = [one for one in known if name in one.split("_")]
    return longer[0] if len(longer) == 1 else None


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
