"""The four sides of a picture, seen as if each were the top one."""

from __future__ import annotations

from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Margins

Scalar = TypeVar("Scalar", bound=np.generic)
Side = Literal["left", "top", "right", "bottom"]
SIDES: Final[tuple[Side, ...]] = ("left", "top", "right", "bottom")

_UPRIGHT: Final = {"left", "right"}


def extended_sides(margins: Margins) -> tuple[Side, ...]:
    """Return the sides that have a margin."""
    return tuple(side for side in SIDES if getattr(margins, side))


def seen_from(array: NDArray[Scalar], side: Side) -> NDArray[Scalar]:
    """Return a view whose row 0 is the outermost line of a side; columns run along it."""
    if side in _UPRIGHT:
        array = np.swapaxes(array, 0, 1)
    return array[::-1] if side in ("right", "bottom") else array


def margin_of(margins: Margins, side: Side) -> int:
    """Return the pixels added at a side."""
    return int(getattr(margins, side))
