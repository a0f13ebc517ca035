"""The figures of a run: what each request took, and what a plain one of its length takes."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

PLAIN = "plain"


@dataclass(frozen=True)
class Cost:
    """The cost of one request.

    Attributes:
        route: path without its query, and Content-Type without parameters.
        status: of the response.
        cpu_seconds: of the process.
        extra_bytes: peak of its memory, less what it had before.
        body_bytes: length of the body.
        pixels: of the picture that is sent along.
    """

    route: str
    status: int
    cpu_seconds: float
    extra_bytes: int
    body_bytes: int
    pixels: int


@dataclass(frozen=True)
class Figures:
    """The costs of hostile requests by name, and of plain ones by route."""

    hostile: Mapping[str, Cost]
    plain: Mapping[str, list[Cost]]

    def plain_seconds(self, cost: Cost) -> float:
        """Return what a plain request takes that is as long and has as many pixels, or more."""
        known = self.plain.get(cost.route) or self.plain["/outpaint multipart/form-data"]
        of_length = [each for each in known if each.pixels <= 4_000_000]
        of_length.sort(key=lambda each: each.body_bytes)
        index = bisect_left([each.body_bytes for each in of_length], cost.body_bytes)
        seconds = of_length[min(index, len(of_length) - 1)].cpu_seconds
        large = [each.cpu_seconds for each in known if each.pixels > 4_000_000]
        return max(seconds, *large) if cost.pixels > 4_000_000 and large else seconds


def read_figures(text: str) -> Figures:
    """Read the lines that the program printed."""
    hostile: dict[str, Cost] = {}
    plain: defaultdict[str, list[Cost]] = defaultdict(list)
    for line in text.splitlines():
        if not line.startswith('{"name": '):
            continue  # the service's own log
        fields = json.loads(line)
        name = fields.pop("name")
        cost = Cost(**fields)
        if name.startswith(PLAIN):
            plain[cost.route].append(cost)
        else:
            hostile[name] = cost
    return Figures(hostile, plain)
