"""Files that go wrong, or look as if they did, each with what must become of it.

A case is accepted with exactly the pixels it names, or refused by one of the codes it names. What
only a full decode shows is refused by the worker alone, as `image_undecodable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.support.corpus import colors, damage, guests, kinds, stills, structures
from tests.support.corpus.cases import Case, see_deep, see_with_pillow

__all__ = ["GROUPS", "Case", "see_deep", "see_with_pillow"]

GROUPS: dict[str, Callable[[], Iterator[Case]]] = {
    "whole": colors.list_whole,
    "cut": damage.list_cut,
    "flipped": damage.list_flipped,
    "sizes": damage.list_sizes,
    "frames": damage.list_frames,
    "stills": stills.list_stills,
    "untidy": stills.list_untidy,
    "avif": kinds.list_avifs,
    "heic": kinds.list_heics,
    "tiff": kinds.list_tiffs,
    "new kinds flipped": kinds.list_flipped,
    "depths": colors.list_depths,
    "palettes": colors.list_palettes,
    "png structures": structures.list_png_structures,
    "jpeg structures": structures.list_jpeg_structures,
    "webp structures": structures.list_webp_structures,
    "guests": guests.list_guests,
    "orientations": guests.list_orientations,
}
"""All cases, by what is odd about them."""
