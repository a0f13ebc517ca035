"""Usage of a tenant: its succeeded jobs, their megapixels and seconds, by day and API key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from service.store.runner import StorePart

KEPT_DAYS = 93
"""Days that the counts can be read; `finish.lua` keeps them for one more."""

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class DayOfKey:
    """Usage of one key on one day.

    Attributes:
        day: the day in UTC on which the jobs ended.
        key_id: the key that submitted them.
        jobs: jobs that succeeded.
        pixels: their cost, in pixels.
        milliseconds: time from the start of the painting to the end.
    """

    day: date
    key_id: str
    jobs: int
    pixels: int
    milliseconds: int


class UsageCounts(StorePart):
    """Counts of what tenants have used; the script that commits a job writes them."""

    def load(self, tenant: str, days: int) -> list[DayOfKey]:
        """Return what a tenant's keys have used on the last days, today first.

        Raises:
            BrokerUnavailable: Redis does not answer.
        """
        found = self._scripts.run("usage", tenant=tenant, days=days)
        return [one for day, counts in found for one in _read_day(day, counts)]


def _read_day(day: int, counts: Sequence[bytes]) -> Iterator[DayOfKey]:
    by_key: dict[str, dict[str, int]] = defaultdict(dict)
    for field, number in zip(counts[::2], counts[1::2], strict=True):
        key_id, _, name = field.decode().rpartition(" ")
        by_key[key_id][name] = int(number)
    for key_id, used in sorted(by_key.items()):
        yield DayOfKey(
            day=_EPOCH + timedelta(days=day),
            key_id=key_id,
            jobs=used["jobs"],
            pixels=used["pixels"],
            milliseconds=used["ms"],
        )
