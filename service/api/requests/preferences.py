"""The preferences of a client: the `Prefer` header.

Source: RFC 7240.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from werkzeug.http import parse_list_header

from service.contract.errors import Fault

HEADER = "Prefer"
MAX_WAIT_SECONDS = 60

_PREFERENCE = re.compile(
    r"""\s*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)      # a token
    (?:\s*=\s*(?P<value>"[^"]*"|[^\s;"]*))?           # its value, which may be quoted
    \s*(?:;.*)?""",
    re.VERBOSE | re.DOTALL,
)
_OURS = re.compile(r"\s*(wait|respond-async)(?![\w-])", re.IGNORECASE)


@dataclass(frozen=True)
class Preferences:
    """The preferences of a request.

    Attributes:
        wait_seconds: how long the client wants to wait; None if it does not.
        respond_async: whether it asked for a response without the result.
        faults: the faults of the header.
    """

    wait_seconds: int | None = None
    respond_async: bool = False
    faults: tuple[Fault, ...] = ()

    def describe_applied(self, *, has_waited: bool, is_async: bool) -> str:
        """Return `Preference-Applied`; empty if no preference was honored."""
        waits = [f"wait={self.wait_seconds}"] if has_waited and self.wait_seconds else []
        return ", ".join([*waits, *(["respond-async"] if is_async and self.respond_async else [])])


def parse_preferences(header: str | None) -> Preferences:
    """Parse the header; of a repeated preference the first one counts.

    Unknown preferences are ignored, as the RFC requires. Our own are refused if malformed, because
    a client that wants to wait should learn of its mistake.
    """
    given: dict[str, str] = {}
    faults = []
    # The parser returns nothing for a quote that is not closed.
    for part in parse_list_header(header or "") or [header or ""]:
        found = _PREFERENCE.fullmatch(part)
        if found is not None:
            given.setdefault(found["name"].lower(), (found["value"] or "").strip('"'))
        elif _OURS.match(part):
            message = f"is malformed; send wait=N, N from 1 to {MAX_WAIT_SECONDS}, or respond-async"
            faults.append(Fault(HEADER, "invalid_field", message))
    wait, respond_async = given.get("wait"), given.get("respond-async")
    if wait is not None and not _is_wait(wait):
        message = f"wait must be a whole number of seconds from 1 to {MAX_WAIT_SECONDS}"
        faults.append(Fault(HEADER, "invalid_field", message))
        wait = None
    if respond_async:
        message = "respond-async has no value"
        faults.append(Fault(HEADER, "invalid_field", message))
    return Preferences(int(wait) if wait else None, respond_async == "", tuple(faults))


def _is_wait(text: str) -> bool:
    return re.fullmatch("[0-9]{1,4}", text) is not None and 1 <= int(text) <= MAX_WAIT_SECONDS
