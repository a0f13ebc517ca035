"""Extending a picture by its pattern where it has one, by patches where it has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box, Geometry, Margins
from service.contract.jobs import JobWarning
from worker.engines.base import StepCallback
from worker.engines.ground.closing import Filled
from worker.engines.ground.extending import describe_grounds, extend_grounds
from worker.engines.ground.study import Study, study
from worker.engines.patch import Quality, Start, complete
from worker.engines.pattern.estimate import estimate_growth, estimate_lattice
from worker.engines.pattern.forecast import Forecast, find_light, foretell_rim
from worker.engines.pattern.growth import grow, place_unique
from worker.engines.pattern.lattice import Sheet, avoid, lay, places
from worker.engines.pattern.period import MAX_SIDE, Period, find_period
from worker.engines.progress import repeat, share_of
from worker.engines.structures import connect_structures
from worker.imaging import ImageArray, MaskArray
from worker.imaging.compositing import mask_around
from worker.imaging.picture import to_uint8
from worker.imaging.transparency import clear_margins

MIN_SCORE: Final = 0.4
"""Correlation one period away below which no forecast is made: most photos end here."""

MIN_FORECAST: Final = 0.6
"""Correlation of the rim with its forecast from which a pattern is carried on.

Photos without a pattern reach 0.57, rows of unlike coins 0.61, lattices of equal motifs 0.84 and
more. On tiles that were bent, tinted and made noisy, the pattern scored no worse than patches from
about 0.45 on."""

FINEST: Final = 8
LEEWAY: Final = 0.15
"""Pixels of a period at a smaller scale from which a forecast there says something, and how much
lower its correlation may be than what is asked for at full size."""

SURE: Final = 0.9
"""Forecast from which pieces are copied as they are; below it their seams are worked over."""

SEARCHED: Final = 0.1
FORETOLD: Final = 0.3
LAID: Final = 0.4
"""Shares of the time after which the period is found, the rim foretold, the pattern laid."""


@dataclass(frozen=True, eq=False)
class Extension:
    """An extended picture.

    Attributes:
        image: of the shape that was given.
        estimate: how well it went, 0 .. 1.
        details: which way was taken, for the recipe.
        reason: why something simpler was used; `None` where it was not.
        warnings: what the caller should know.
        is_foretold: whether the estimate was measured on the picture's own rim.
    """

    image: ImageArray
    estimate: float
    details: dict[str, Any]
    reason: str | None
    warnings: tuple[JobWarning, ...] = ()
    is_foretold: bool = False


@dataclass(frozen=True, eq=False)
class _Pattern:
    period: Period
    forecast: Forecast


def extend(
    image: ImageArray,
    geometry: Geometry,
    *,
    seed: int,
    quality: Quality,
    ground: Literal["auto", "ignore"] | None = None,
    on_step: StepCallback,
) -> Extension:
    """Extend a picture to its canvas.

    Args:
        image: the canvas, RGB uint8 (H, W, 3) or premultiplied RGBA (H, W, 4); only the original's
            part is read.
        geometry: where the original lies.
        seed: 0 .. 2**32 - 1; the same seed gives the same bytes.
        quality: how much time to take.
        ground: `ignore` to find neither ground nor frame nor what exists once.
        on_step: called often with parts done and parts in all; may raise to stop.
    """
    on_step(0, 1)
    found = study(image, geometry, ground, lambda: on_step(0, 1))
    inner, wanted = image, mask_around(found.geometry)
    if image.shape[2] == 4:
        inner, wanted = clear_margins(image, found.geometry)
    extension = _extend_inner(inner, wanted, found, seed, quality, on_step)
    box = geometry.original
    # The lines of a frame were painted over; the original is kept as it is.
    inside = np.s_[box.top : box.bottom, box.left : box.right]
    extension.image[inside] = image[inside]
    on_step(1, 1)
    return replace(extension, details=extension.details | found.details, warnings=found.warnings)


def _extend_inner(
    image: ImageArray,
    wanted: MaskArray,
    found: Study,
    seed: int,
    quality: Quality,
    on_step: StepCallback,
) -> Extension:
    if not wanted.any():
        # A figure amid transparency is no pattern, however regular its own outline is.
        return Extension(image.copy(), 1.0, {"pattern": "transparent"}, None)
    if found.may_be_pattern:
        pattern = _find_pattern(image, found.geometry, on_step)
        if pattern is not None:
            return _carry_on(image, found, pattern, seed, quality, on_step)
    tell = share_of(on_step, FORETOLD, 1)
    if found.smooth:
        return _continue_ground(image, wanted, found, seed, quality, tell)
    details: dict[str, Any] = {"pattern": "patches"}
    if found.follows:
        connected = connect_structures(image, wanted)
        image = connected.image
        wanted = np.where(connected.drawn != 0, 0, wanted).astype(np.uint8)
        details["structures"] = connected.count
    growth = grow(
        image,
        found.geometry.original,
        wanted,
        unique=found.unique,
        seed=seed,
        quality=quality,
        on_step=tell,
    )
    estimate = estimate_growth(growth.estimate, found.geometry)
    return Extension(growth.image, estimate, details, growth.reason)


def _continue_ground(
    image: ImageArray,
    wanted: MaskArray,
    found: Study,
    seed: int,
    quality: Quality,
    on_step: StepCallback,
) -> Extension:
    """Continue the grounds, and grow the sides where there is none by patches."""
    box = found.geometry.original

    def fill(part: ImageArray, mask: MaskArray, sources: MaskArray) -> Filled:
        done = complete(
            part, mask, seed=seed, quality=quality, source_mask=sources, on_step=repeat(on_step)
        )
        return Filled(done.image, done.estimate, done.reason)

    done = extend_grounds(
        image, box, found.smooth, seed=seed, fill=fill, check=lambda: on_step(0, 1)
    )
    growth = grow(
        done.image,
        done.known,
        wanted,
        own=box,
        unique=found.unique,
        seed=seed,
        quality=quality,
        on_step=on_step,
    )
    share = _ground_share(found.geometry, done.known)
    estimate = share * done.estimate + (1 - share) * estimate_growth(
        growth.estimate, found.geometry
    )
    details = {"pattern": "ground" if share == 1 else "patches"} | describe_grounds(found.smooth)
    return Extension(growth.image, estimate, details, done.reason or growth.reason)


def _ground_share(geometry: Geometry, known: Box) -> float:
    """Return the part of what is painted that the grounds cover."""
    box = geometry.original
    own = box.width * box.height
    painted = geometry.width * geometry.height - own
    return (known.width * known.height - own) / max(painted, 1)


def _find_pattern(image: ImageArray, geometry: Geometry, on_step: StepCallback) -> _Pattern | None:
    """Return the pattern of the original if its own rim follows from it."""
    box = geometry.original
    original = np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])
    period = find_period(original, lambda: on_step(0, 1))

    def check() -> None:
        on_step(int(SEARCHED * 100), 100)

    check()
    if (
        period is None
        or period.score < MIN_SCORE
        or not _is_likely(original, geometry, period, check)
    ):
        return None
    forecast = foretell_rim(original, geometry.margins, period, check)
    on_step(int(FORETOLD * 100), 100)
    return _Pattern(period, forecast) if forecast.correlation >= MIN_FORECAST else None


def _is_likely(
    original: ImageArray, geometry: Geometry, period: Period, check: Callable[[], None]
) -> bool:
    """Check cheaply whether a large picture may go on by its period.

    A forecast at full size costs more than all that follows, and most photos fail it by far: it
    is made at a smaller scale, or of a part where the period is too short for that.
    """
    height, width = original.shape[:2]
    factor = max(height, width) // MAX_SIDE
    if factor < 2:
        return True
    shortest = float(np.hypot(period.steps[:, 0], period.steps[:, 1]).min())
    margins = geometry.margins
    if shortest < FINEST * factor:
        part = _cut_at_side(original, margins)
    else:
        size = width // factor, height // factor
        part = np.asarray(cv2.resize(original, size, interpolation=cv2.INTER_AREA), np.uint8)
        period = Period(period.steps * (size[0] / width, size[1] / height), period.score)
    forecast = foretell_rim(part, margins, period, check)
    return forecast.correlation >= MIN_FORECAST - LEEWAY


def _cut_at_side(original: ImageArray, margins: Margins) -> ImageArray:
    """Return a part of the picture that touches its extended sides, as far as one can."""
    height, width = original.shape[:2]
    rows, columns = min(height, MAX_SIDE), min(width, MAX_SIDE)
    top = 0 if margins.top else height - rows if margins.bottom else (height - rows) // 2
    left = 0 if margins.left else width - columns if margins.right else (width - columns) // 2
    return np.ascontiguousarray(original[top : top + rows, left : left + columns])


def _carry_on(
    image: ImageArray,
    found: Study,
    pattern: _Pattern,
    seed: int,
    quality: Quality,
    on_step: StepCallback,
) -> Extension:
    geometry = found.geometry
    box = geometry.original
    original = np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])

    def check() -> None:
        on_step(int(FORETOLD * 100), 100)

    light = find_light(original, pattern.period, pattern.forecast.terms, check)
    gain = light.gain_like(image, box.left, box.top)
    check()
    sheet = Sheet.of(image / gain, box)
    check()
    lay(sheet, box, pattern.period, check, seed=seed)
    if found.unique is not None:
        avoid(sheet, box, pattern.period, found.unique, check)
    reason = _work_over(
        sheet,
        found,
        seed=seed,
        quality=quality,
        is_sure=pattern.forecast.correlation >= SURE,
        on_step=share_of(on_step, LAID, 1),
    )
    result = to_uint8(np.rint(sheet.values * gain).clip(0, 255).astype(np.uint8))
    if result.shape[2] == 4:
        np.minimum(result[..., :3], result[..., 3:], out=result[..., :3])
    steps = [[round(float(way), 1) for way in step] for step in pattern.period.steps]
    estimate = estimate_lattice(pattern.forecast.correlation, geometry)
    details = {"pattern": "period", "period": steps}
    return Extension(result, estimate, details, reason, is_foretold=True)


def _work_over(
    sheet: Sheet,
    found: Study,
    *,
    seed: int,
    quality: Quality,
    is_sure: bool,
    on_step: StepCallback,
) -> str | None:
    """Fill what the lattice did not reach, and where it is not sure, search around its steps.

    In place; return why something simpler was used.
    """
    bare = sheet.rest.copy()
    if is_sure and not bare.any():
        return None
    box, unique = found.geometry.original, found.unique
    mask = bare
    start = None
    if not is_sure:
        mask = np.full_like(bare, 255)
        mask[box.top : box.bottom, box.left : box.right] = 0
        start = Start(level=0, offsets=_offsets(sheet))
    # Without light, values can lie past white; for the patches they are darkened alike.
    scale = 255 / max(255.0, float(sheet.values[mask == 0].max()))
    flat = np.rint(sheet.values * scale).clip(0, 255).astype(np.uint8)
    done = complete(
        flat,
        mask,
        seed=seed,
        quality=quality,
        avoided=None if unique is None else place_unique(unique, box, *bare.shape),
        start=start,
        on_step=on_step,
    )
    np.copyto(sheet.values, done.image.astype(np.float32) / scale, where=mask[..., None] != 0)
    return done.reason


def _offsets(sheet: Sheet) -> NDArray[np.int32]:
    return np.asarray(sheet.origins - places(*sheet.rest.shape), np.int32)
