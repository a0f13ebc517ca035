"""What a client prefers: the `Prefer` header.

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
    """How long a client wants to wait for its answer.

    Attributes:
        wait_seconds: how long; none if it does not want to.
        respond_async: whether it said that it takes an answer without the result.
        faults: what is wrong with what it said.
    """

    wait_seconds: int | None = None
    respond_async: bool = False
    faults: tuple[Fault, ...] = ()

    def describe_applied(self, *, has_waited: bool, is_async: bool) -> str:
        """Give `Preference-Applied`; empty if there is nothing to tell."""
        told = [f"wait={self.wait_seconds}"] if has_waited and self.wait_seconds else []
        return ", ".join([*told, *(["respond-async"] if is_async and self.respond_async else [])])


def parse_preferences(header: str | None) -> Preferences:
    """Read the header; of a preference that is named twice the first one counts.

    What other servers honor is ignored, as the RFC asks. What is ours and wrong is refused: a
    client that means to wait should not find out by not being waited for.
    """
    given: dict[str, str] = {}
    faults = []
    # Of a quote that is not closed the parser makes nothing at all.
    for part in parse_list_header(header or "") or [header or ""]:
        found = _PREFERENCE.fullmatch(part)
        if found is not None:
            given.setdefault(found["name"].lower(), (found["value"] or "").strip('"'))
        elif _OURS.match(part):
            message = f"malformed: say wait=N, N from 1 to {MAX_WAIT_SECONDS}, or respond-async"
            faults.append(Fault(HEADER, "invalid_field", message))
    wait, respond_async = given.get("wait"), given.get("respond-async")
    if wait is not None and not _is_wait(wait):
        message = f"wait must be a whole number of seconds from 1 to {MAX_WAIT_SECONDS}"
        faults.append(Fault(HEADER, "invalid_field", message))
        wait = None
    if respond_async:
        message = "respond-async takes no value"
        faults.append(Fault(HEADER, "invalid_field", message))
    return Preferences(int(wait) if wait else None, respond_async == "", tuple(faults))


def _is_wait(text: str) -> bool:
    return re.fullmatch("[0-9]{1,4}", text) is not None and 1 <= int(text) <= MAX_WAIT_SECONDS
