"""Collects why items of a batch were refused, in a few kilobytes however many there are.

All that is kept of a refused batch lies in the broker for days, so each problem document is kept
once, and documents are kept in full up to a bound.
"""

from __future__ import annotations

from service.contract.errors import PaintjobError
from service.documents.problems import build_problem
from service.documents.schemas import Problem

MAX_SHOWN_FAULTS = 10
"""Limit of a refused item: `defaults` may have thousands."""

MAX_PROBLEM_BYTES = 16 * 1024
"""Bytes of the problem documents of one batch; beyond them items keep their error's code alone."""

_SHORT_DETAIL = (
    "this item was refused, as many others of this batch; send it alone to learn all that is wrong"
)


class Refusals:
    """The refused items of one batch.

    Args:
        request_id: the request's id.
        base_url: prefix of the URLs in problems.

    Attributes:
        problems: the distinct problem documents, as JSON.
        runs: (first index, last index, place in `problems`) of items that follow each other and
            were refused for the same reason, in order.
    """

    def __init__(self, request_id: str, base_url: str) -> None:
        self.problems: list[str] = []
        self.runs: list[tuple[int, int, int]] = []
        self._request_id = request_id
        self._base_url = base_url
        self._places: dict[str, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """Return the number of refused items."""
        return sum(last - first + 1 for first, last, _ in self.runs)

    def add(self, index: int, error: PaintjobError) -> None:
        """Add an item; indexes are given in ascending order."""
        place = self._find_place(build_problem(error, self._request_id, self._base_url))
        if self.runs and self.runs[-1][1:] == (index - 1, place):
            self.runs[-1] = (self.runs[-1][0], index, place)
        else:
            self.runs.append((index, index, place))

    def _find_place(self, problem: Problem) -> int:
        """Return where a document is kept, a short one in its place if the bound is reached."""
        faults = problem.errors[:MAX_SHOWN_FAULTS]
        text = problem.model_copy(update={"errors": faults}).model_dump_json()
        if text not in self._places and self._bytes + len(text) > MAX_PROBLEM_BYTES:
            short = problem.model_copy(update={"detail": _SHORT_DETAIL, "errors": []})
            text = short.model_dump_json()
        if text not in self._places:
            self._places[text] = len(self.problems)
            self.problems.append(text)
            self._bytes += len(text)
        return self._places[text]
