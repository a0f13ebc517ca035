"""What a method gives back."""

from __future__ import annotations

from dataclasses import dataclass

from worker.imaging import ImageArray


@dataclass(frozen=True, eq=False)
class Painting:
    """A painted picture.

    Attributes:
        image: RGB uint8 (H, W, 3).
        estimate: how well the method thinks that it went, 0 .. 1; none for those that do not say.
        note: what the method did instead, when it could not do as asked.
    """

    image: ImageArray
    estimate: float | None = None
    note: str | None = None
