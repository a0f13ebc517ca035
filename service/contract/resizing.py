"""The size of the resized copy that a request asks for beside its exact result."""

from __future__ import annotations

from fractions import Fraction

from service.contract.params import AnyPaintParams


def find_resized(params: AnyPaintParams, size: tuple[int, int]) -> tuple[int, int] | None:
    """Return width and height of the resized copy; `None` if no other size is asked for.

    The copy keeps the shape of the result, to half a pixel: it is the largest that fits.

    Args:
        params: of the request.
        size: width and height of the result.
    """
    asked = (params.output_width, params.output_height)
    scales = [Fraction(side, own) for side, own in zip(asked, size, strict=True) if side]
    if not scales:
        return None
    width, height = (max(1, _round(side * min(scales))) for side in size)
    return None if (width, height) == size else (width, height)


def _round(value: Fraction) -> int:
    """Round half up, unlike `round`."""
    return int(value + Fraction(1, 2))
