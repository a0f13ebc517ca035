"""The query of a list of jobs: filters, page size and cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from service.contract.errors import Fault
from service.contract.faults import raise_faults
from service.contract.jobs import JobStatus

MAX_PAGE = 100
DEFAULT_PAGE = 20
MAX_TAG_CHARACTERS = 64
_MAX_CURSOR_CHARACTERS = 32
_NAMES = ("cursor", "limit", "status", "tag")


@dataclass(frozen=True)
class Query:
    """The query of a list.

    Attributes:
        before: end of the page before.
        limit: jobs on a page.
        statuses: only jobs with one of these; empty means all.
        tag: only jobs with this tag.
    """

    before: int | None
    limit: int
    statuses: tuple[JobStatus, ...]
    tag: str | None


def read_query(given: Mapping[str, Sequence[str]]) -> Query:
    """Read the query of a URL.

    Args:
        given: all values of each parameter of the URL.

    Raises:
        PaintjobError: a parameter is unknown or breaks its rule; `faults` lists all.
    """
    faults: list[Fault] = []
    if set(given) - set(_NAMES):
        faults.append(_fault(f"the URL takes only {', '.join(_NAMES)}", "unknown_field"))
    faults += [
        _fault(f"{name} must be given once")
        for name in ("cursor", "limit", "tag")
        if len(given.get(name, ())) > 1
    ]
    one = {name: values[0] for name, values in given.items() if values}
    query = Query(
        before=_read_cursor(one.get("cursor"), faults),
        limit=_read_limit(one.get("limit"), faults),
        statuses=_read_statuses(given.get("status", ()), faults),
        tag=_read_tag(one.get("tag"), faults),
    )
    raise_faults(faults)
    return query


def write_cursor(before: int) -> str:
    """Return the cursor for the end of a page, which clients send back unchanged."""
    return base64.urlsafe_b64encode(f"1:{before}".encode()).decode().rstrip("=")


def _read_cursor(text: str | None, faults: list[Fault]) -> int | None:
    if text is None:
        return None
    try:
        padded = text[:_MAX_CURSOR_CHARACTERS] + "=" * (-len(text) % 4)
        version, _, place = base64.urlsafe_b64decode(padded).decode("ascii").partition(":")
        if version == "1" and write_cursor(int(place)) == text:
            return int(place)
    except (binascii.Error, ValueError):
        # Whatever is wrong with it, it is refused below.
        place = ""
    faults.append(_fault("cursor must be taken unchanged from links.next of a page"))
    return None


def _read_limit(text: str | None, faults: list[Fault]) -> int:
    if text is None:
        return DEFAULT_PAGE
    if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_PAGE:
        return int(text)
    faults.append(_fault(f"limit must be a whole number from 1 to {MAX_PAGE}"))
    return DEFAULT_PAGE


def _read_statuses(texts: Sequence[str], faults: list[Fault]) -> tuple[JobStatus, ...]:
    known = [status.value for status in JobStatus]
    if all(text in known for text in texts):
        return tuple(JobStatus(text) for text in dict.fromkeys(texts))
    message = f"status must be {', '.join(known[:-1])} or {known[-1]}; repeat it to ask for several"
    faults.append(Fault("", "invalid_field", message, tuple(known)))
    return ()


def _read_tag(text: str | None, faults: list[Fault]) -> str | None:
    if text is None or 1 <= len(text) <= MAX_TAG_CHARACTERS:
        return text
    faults.append(_fault(f"tag must be 1 to {MAX_TAG_CHARACTERS} characters"))
    return None


def _fault(message: str, code: str = "invalid_field") -> Fault:
    return Fault("", code, message)


def page_url(base_url: str, query: Query, before: int | None) -> str:
    """Return the URL of a page of the same list.

    Args:
        base_url: prefix; empty for a relative URL.
        query: of the list.
        before: end of the page before; `None` for the first page.
    """
    pairs = [("status", status.value) for status in query.statuses]
    pairs += [("tag", query.tag)] if query.tag is not None else []
    pairs += [("limit", str(query.limit))]
    pairs += [("cursor", write_cursor(before))] if before is not None else []
    return f"{base_url}/jobs?{urlencode(pairs)}"
