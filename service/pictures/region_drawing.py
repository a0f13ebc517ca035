"""Draws regions as a mask: spans of rows, filled in memory.

Pillow's own polygons also fill pixels that the outline merely touches, and have no holes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from PIL import Image, ImageChops

from service.contract.errors import Fault, InvalidField
from service.contract.regions import MAX_NUMBERS, Region, RunLengths

MAX_WORK = 1_000_000
"""Limit for rows of boxes, crossings of outlines with rows, and runs: about a second of work. A
hundred thousand vertices that zigzag over a large picture could take minutes."""

_ROW_WORK = 8
"""A row of a ring costs as much as so many crossings."""

_PIECE = 1024
"""Pixels of a span that count as one more unit of work."""

_MAX_CHARACTERS = 7
"""Longest number of a text: 32 bits and a sign, five bits a character."""

_Ring = list[list[float]]
_Span = tuple[int, int]
"""First pixel in a row, and the first one behind the span."""


class _Refusal(Exception):
    """A region that cannot be drawn: the rule that it breaks, and the field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def draw_regions(regions: Sequence[Region], size: tuple[int, int]) -> Image.Image:
    """Draw regions in order, and return a picture of mode L: 255 in the mask, 0 elsewhere.

    Args:
        regions: at least one; none that is to be found.
        size: width and height of the picture, upright.

    Raises:
        InvalidField: a region does not fit the picture, is broken or marks nothing, or drawing
            takes too much work; `faults` names every such region.
    """
    return _draw_layers(list(enumerate(regions)), size)


def check_regions(regions: Sequence[Region], size: tuple[int, int]) -> None:
    """Check regions of which some are to be found: draw the others, and find the places of all.

    Args:
        regions: at least one.
        size: width and height of the picture, upright.

    Raises:
        InvalidField: as `draw_regions`, or a point lies beside the picture.
    """
    if known := [pair for pair in enumerate(regions) if pair[1].query is None]:
        _draw_layers(known, size)
    faults = [
        fault
        for index, region in enumerate(regions)
        if region.query is not None
        for fault in _find_misplaced(index, region, size)
    ]
    _raise_faults(faults)


def _find_misplaced(index: int, region: Region, size: tuple[int, int]) -> Iterator[Fault]:
    """Yield a fault if a region that is to be found lies beside the picture."""
    (width, height), places = size, region.list_points()
    name = "point" if region.point else "points"
    if any(not (0 <= x < width and 0 <= y < height) for (x, y), _ in places):
        message = f"lies beside the picture, which has {width}x{height} pixels"
        yield Fault(f"/regions/{index}/{name}", InvalidField.code, message)
    if region.box is not None and not all(_clip_box(region.box, size)[1]):
        message = f"contains no pixel's center; the picture has {width}x{height} pixels"
        yield Fault(f"/regions/{index}/box", InvalidField.code, message)


def _draw_layers(numbered: Sequence[tuple[int, Region]], size: tuple[int, int]) -> Image.Image:
    if sum(_count_numbers(region) for _, region in numbered) > MAX_NUMBERS:
        raise _refuse(f"may have {MAX_NUMBERS} vertices and runs together; send a mask picture")
    drawing: Image.Image | None = None
    work, faults = _Work(), list[Fault]()
    layers = groupby(numbered, key=lambda pair: bool(pair[1].subtract))
    for count, (subtracts, layer) in enumerate(layers):
        # Making and joining a further layer costs twice as much as filling it.
        work.spend(2 * size[0] * size[1] // _PIECE if count else 0)
        sheet = _Sheet(*size, work)
        for index, region in layer:
            try:
                _draw(sheet, region)
            except _Refusal as refusal:
                pointer = f"/regions/{index}/{refusal.field}"
                faults.append(Fault(pointer, InvalidField.code, str(refusal)))
        if not faults:
            join = ImageChops.subtract if subtracts else ImageChops.lighter
            drawing = join(drawing, sheet.develop()) if drawing else sheet.develop()
    _raise_faults(faults)
    return drawing or Image.new("L", size)


def _raise_faults(faults: Sequence[Fault]) -> None:
    """Raise all faults of regions as one error, if there are any."""
    if faults:
        detail = faults[0].message if len(faults) == 1 else f"{len(faults)} regions break rules"
        raise InvalidField(detail, faults=tuple(faults))


def find_clipped(regions: Sequence[Region], size: tuple[int, int]) -> list[int]:
    """Return the indices of the boxes and polygons that reach beyond a picture of this size."""
    return [index for index, region in enumerate(regions) if _reaches_beyond(region, size)]


def _reaches_beyond(region: Region, size: tuple[int, int]) -> bool:
    (width, height), box = size, region.box or [0, 0, 0, 0]
    points = region.polygon or [box[:2], box[2:]]
    return any(not (0 <= x <= width and 0 <= y <= height) for x, y in points)


def _refuse(message: str) -> InvalidField:
    return InvalidField(message, faults=(Fault("/regions", InvalidField.code, message),))


def _count_numbers(region: Region) -> int:
    rings = [region.polygon or [], *(region.holes or [])]
    # A text that is too long is refused before it is read.
    return sum(map(len, rings)) + (_at_least(region.rle) if region.rle else 0)


def _at_least(rle: RunLengths) -> int:
    """Return the number of runs; for a text, the smallest that it can have."""
    if isinstance(rle.counts, str):
        return -(-len(rle.counts) // _MAX_CHARACTERS)
    return len(rle.counts)


class _Work:
    """Counts the work of drawing."""

    def __init__(self) -> None:
        self._done = 0

    def spend(self, work: int) -> None:
        """Count work, and check that it stays below the limit.

        Raises:
            InvalidField: it does not.
        """
        self._done += work
        if self._done > MAX_WORK:
            raise _refuse("take too much work to draw; send fewer or simpler ones, or a mask")


class _Sheet:
    """The sheet that regions are drawn on, by rows or by columns.

    Args:
        width: pixels.
        height: pixels.
        work: counts what drawing takes.
    """

    def __init__(self, width: int, height: int, work: _Work) -> None:
        self.width = width
        self.height = height
        # Each is made when it is first drawn on: both take twice the memory of the picture.
        self._rows = bytearray()
        self._columns = bytearray()
        self._white = memoryview(b"\xff" * max(width, height))
        self.spend = work.spend

    def fill_row(self, row: int, start: int, end: int) -> None:
        """Fill a span of a row, up to but without `end`."""
        if not self._rows:
            self._rows = bytearray(self.width * self.height)
        self._fill(self._rows, row * self.width + start, end - start)

    def fill_run(self, start: int, length: int) -> None:
        """Fill pixels that are counted down the first column, then the second, and so on."""
        if not self._columns:
            self._columns = bytearray(self.width * self.height)
        for done in range(0, length, len(self._white)):
            self._fill(self._columns, start + done, min(len(self._white), length - done))

    def develop(self) -> Image.Image:
        """Return the drawing, in mode L, 255 and 0. Something must have been drawn."""
        size = self.width, self.height
        if not self._columns:
            return Image.frombuffer("L", size, self._rows, "raw", "L", 0, 1)
        lying = Image.frombuffer("L", size[::-1], self._columns, "raw", "L", 0, 1)
        upright = lying.transpose(Image.Transpose.TRANSPOSE)
        if not self._rows:
            return upright
        drawn = Image.frombuffer("L", size, self._rows, "raw", "L", 0, 1)
        return ImageChops.lighter(drawn, upright)

    def _fill(self, pixels: bytearray, start: int, length: int) -> None:
        self.spend(1 + length // _PIECE)
        # A view saves one copy.
        memoryview(pixels)[start : start + length] = self._white[:length]


def _draw(sheet: _Sheet, region: Region) -> None:
    if region.box is not None:
        _draw_box(sheet, region.box)
    elif region.polygon is not None:
        _draw_polygon(sheet, region.polygon, region.holes or [])
    elif region.rle is not None:
        _draw_runs(sheet, region.rle)


def _draw_box(sheet: _Sheet, box: list[float]) -> None:
    (left, top), (width, height) = _clip_box(box, (sheet.width, sheet.height))
    if not (width and height):
        raise _refuse_empty(sheet, "box")
    for row in range(top, top + height):
        sheet.fill_row(row, left, left + width)


def _clip_box(box: list[float], size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first pixel of a box in a picture, and its sides in pixels, which may be 0."""
    left, right = (_find_pixel(x, size[0]) for x in box[::2])
    top, bottom = (_find_pixel(y, size[1]) for y in box[1::2])
    return (left, top), (right - left, bottom - top)


def _find_pixel(place: float, end: int) -> int:
    """Return the first pixel whose center is not before a place, from 0 to `end`."""
    return min(max(math.ceil(place - 0.5), 0), end)


def _refuse_empty(sheet: _Sheet, field: str) -> _Refusal:
    size = f"{sheet.width}x{sheet.height}"
    return _Refusal(field, f"contains no pixel's center; the picture has {size} pixels")


def _draw_polygon(sheet: _Sheet, outline: _Ring, holes: list[_Ring]) -> None:
    """Fill the pixels within the outline that are in none of the holes."""
    # Each hole by itself: where two overlap, nothing is filled.
    cuts: defaultdict[int, list[_Span]] = defaultdict(list)
    for hole in holes:
        for row, spans in _iter_rows(sheet, hole):
            cuts[row] += spans
    marked = 0
    for row, spans in _iter_rows(sheet, outline):
        for first, last in _leave_out(spans, cuts[row]) if row in cuts else spans:
            sheet.fill_row(row, first, last)
            marked += last - first
    if not marked:
        raise _refuse_empty(sheet, "polygon")


def _iter_rows(sheet: _Sheet, ring: _Ring) -> Iterator[tuple[int, list[_Span]]]:
    """Yield each row with its spans of pixels whose centers are in a ring, by the even-odd rule.

    A center on a ring belongs to the side right of it or below, as in most rasterizers, so that of
    two shapes with a common edge exactly one has each pixel along it.
    """
    crossings: defaultdict[int, list[float]] = defaultdict(list)
    for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
        _cross(sheet, start, end, crossings)
    sheet.spend(_ROW_WORK * len(crossings))
    for row, found in crossings.items():
        edges = [_find_pixel(x, sheet.width) for x in sorted(found)]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        yield row, [(first, last) for first, last in pairs if first < last]


def _leave_out(spans: list[_Span], cuts: list[_Span]) -> Iterator[_Span]:
    """Yield the parts of spans that no cut covers; cuts may overlap, spans do not."""
    events = [(place, step, 0) for span in spans for place, step in zip(span, (1, -1), strict=True)]
    events += [(place, 0, step) for cut in cuts for place, step in zip(cut, (1, -1), strict=True)]
    since = inside = covered = 0
    for place, entering, covering in sorted(events):
        if inside and not covered and since < place:
            yield since, place
        inside, covered, since = inside + entering, covered + covering, place


def _cross(
    sheet: _Sheet, start: list[float], end: list[float], crossings: defaultdict[int, list[float]]
) -> None:
    """Add the crossings of an edge with the middle of each row of the picture."""
    # Downward, so that an edge that two shapes share crosses at the same place in both.
    (x0, y0), (x1, y1) = sorted((start, end), key=lambda point: (point[1], point[0]))
    first, last = max(0, math.ceil(y0 - 0.5)), min(sheet.height, math.ceil(y1 - 0.5))
    if first >= last:
        return
    sheet.spend(last - first)
    for row in range(first, last):
        crossings[row].append(x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0))


def _draw_runs(sheet: _Sheet, rle: RunLengths) -> None:
    if rle.size != [sheet.height, sheet.width]:
        message = f"must be the picture's height and width, [{sheet.height}, {sheet.width}]"
        raise _Refusal("rle/size", message)
    counts = list(_read_runs(rle.counts)) if isinstance(rle.counts, str) else rle.counts
    # Checked before anything is filled: a run past the end would fill nothing.
    if sum(counts) != sheet.width * sheet.height:
        message = f"must add up to height times width, {sheet.height * sheet.width}"
        raise _Refusal("rle/counts", message)
    if not any(counts[1::2]):
        raise _Refusal("rle/counts", "marks no pixel")
    position = 0
    for index, count in enumerate(counts):
        if index % 2 and count:
            sheet.fill_run(position, count)
        position += count


def _read_runs(text: str) -> Iterator[int]:
    """Yield COCO's compressed runs: five bits a character, each number less the one two before it.

    Source: `rleFrString` in the file that `RunLengths` names.
    """
    runs: list[int] = []
    value = characters = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or characters == _MAX_CHARACTERS:
            raise _Refusal("rle/counts", "is not a text of runs as COCO's tools compress them")
        value |= (bits & 0x1F) << 5 * characters
        characters += 1
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << 5 * characters
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        if runs[-1] < 0 or len(runs) > MAX_NUMBERS:
            raise _Refusal("rle/counts", f"must hold at most {MAX_NUMBERS} runs, none negative")
        yield runs[-1]
        value = characters = 0
    if characters:
        raise _Refusal("rle/counts", "is cut short in the middle of a number")
