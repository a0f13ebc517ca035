"""Make a mask of regions of which some are to be found: ask the finders, and put all together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

import numpy as np
from pydantic import TypeAdapter

from service.contract.errors import Internal, NothingFound
from service.contract.finders import FINDER_FAMILIES, RIM_PIXELS
from service.contract.geometry import Box
from service.contract.jobs import FoundThing, JobSpec, JobWarning
from service.contract.regions import Region
from service.pictures.region_drawing import draw_regions
from service.store.blobs import BlobStore
from worker.engines.base import StepCallback
from worker.engines.finders.base import Finder, FinderFacts, Found, Query
from worker.engines.progress import share_of
from worker.imaging import ImageArray, MaskArray
from worker.imaging.geometry import widen_box
from worker.imaging.masks import bounding_box, grow_mask
from worker.imaging.picture import Picture
from worker.imaging.runs import compress_mask
from worker.imaging.transparency import has_transparency, lay_on_white
from worker.reporting import ClaimedJob, Reporter

MAX_FOUND: Final = 500
"""Things that a job lists; the mask has all of them."""

MAX_RUN_CHARACTERS: Final = 500_000
"""Limit for the run-lengths of all things of a job together."""

GetFinder = Callable[[str], Finder]

_REGIONS: TypeAdapter[list[Region]] = TypeAdapter(list[Region])


@dataclass(frozen=True, eq=False)
class FoundMask:
    """A mask of regions of which some were found.

    Attributes:
        mask: uint8 (H, W), 255 in the regions, before polarity and `grow`.
        things: that were found.
        facts: of the finders, for the recipe.
        warnings: about what was not found, or is not listed.
        seconds: that finding took.
        is_nothing: True if nothing was found, and the caller wants the picture back unchanged.
    """

    mask: MaskArray
    things: tuple[FoundThing, ...]
    facts: tuple[dict[str, Any], ...]
    warnings: tuple[JobWarning, ...]
    seconds: float
    is_nothing: bool


def find_mask(
    job: ClaimedJob, blobs: BlobStore, report: Reporter, picture: Picture, get_finder: GetFinder
) -> FoundMask:
    """Make the mask of a job's regions.

    Raises:
        NothingFound: nothing was found for a region, and the caller did not allow that.
        Aborted: the job is not wanted any more.
        PaintjobError: an input is lost, or a finder cannot be loaded.
    """
    # From here on a death counts as a crash: finders run code that may not bear a picture.
    report.started([job.job_id])
    started = time.perf_counter()
    search = _Search(job, report, picture, get_finder)
    mask = search.run(_read_regions(job.spec, blobs))
    return FoundMask(
        mask=mask,
        things=tuple(search.list_things()),
        facts=tuple(search.facts),
        warnings=tuple(search.warnings),
        seconds=time.perf_counter() - started,
        is_nothing=bool(search.missed) and not mask.any(),
    )


def _read_regions(spec: JobSpec, blobs: BlobStore) -> list[Region]:
    if spec.regions is None:
        raise Internal("the job has no regions")
    return _REGIONS.validate_json(blobs.get_checked(spec.regions.path, spec.regions.sha256))


@dataclass(frozen=True, eq=False)
class _Hit:
    """One found thing, and which region and finder found it."""

    region: int
    finder: str
    found: Found


class _Search:
    """The search for the regions of one job."""

    def __init__(
        self, job: ClaimedJob, report: Reporter, picture: Picture, get_finder: GetFinder
    ) -> None:
        self._job = job
        self._report = report
        self._size = picture.width, picture.height
        self._image = _show(picture)
        self._get_finder = get_finder
        self._names = {choice.query: choice.finder for choice in job.spec.finders}
        self._known: dict[str, FinderFacts] = {}
        self._hits: list[_Hit] = []
        self.facts: list[dict[str, Any]] = []
        self.warnings: list[JobWarning] = []
        self.missed: list[str] = []

    def run(self, regions: Sequence[Region]) -> MaskArray:
        """Return what the regions mark together, in order."""
        mask = np.zeros(self._size[::-1], np.uint8)
        wanted = sum(region.query is not None for region in regions)
        done = 0
        numbered = enumerate(regions)
        for is_known, group in groupby(numbered, key=lambda pair: _is_known(pair[1])):
            if is_known is not None:
                self._draw([region for _, region in group], mask)
                continue
            for index, region in group:
                on_step = share_of(self._step, done / wanted, (done + 1) / wanted)
                self._find(index, region, mask, on_step)
                done += 1
        if self.missed:
            self._miss()
        return mask

    def list_things(self) -> Iterator[FoundThing]:
        """Yield what was found; with run-lengths where the mask is all that is made."""
        left = MAX_RUN_CHARACTERS if self._job.spec.operation == "mask" else 0
        for hit in self._hits[:MAX_FOUND]:
            found = hit.found
            rle = compress_mask(found.mask, found.box, self._size) if left > 0 else None
            left -= len(str(rle.counts)) if rle else 0
            yield FoundThing(
                region=hit.region,
                finder=hit.finder,
                label=found.label,
                score=round(float(found.score), 4),
                box=found.box.as_list(),
                rle=rle if left > 0 else None,
            )
        if len(self._hits) > MAX_FOUND:
            detail = f"{len(self._hits)} things were found, of which {MAX_FOUND} are listed"
            self.warnings.append(JobWarning(code="found_not_listed", detail=detail))

    def _step(self, step: int, steps: int) -> None:
        self._report.step([self._job.job_id], "find", step, steps)

    def _draw(self, regions: Sequence[Region], mask: MaskArray) -> None:
        drawn = np.asarray(draw_regions(regions, self._size))
        if regions[0].subtract:
            mask[drawn > 0] = 0
        else:
            np.maximum(mask, drawn, out=mask)

    def _find(self, index: int, region: Region, mask: MaskArray, on_step: StepCallback) -> None:
        query = _make_query(region, self._size)
        if query is None:
            raise Internal("a region that is not to be found was given to a finder")
        name = self._names[query.kind]
        on_step(0, 1)
        finder = self._get_finder(name)
        facts = self._load(name, finder)
        family = FINDER_FAMILIES[facts.family]
        score = family.min_score if region.min_score is None else region.min_score
        rim = _default_grow(region, query, self._job.spec.params)
        grow = rim if region.grow is None else region.grow
        query = replace(query, min_score=score)
        found = finder.find(self._image, query, on_step)
        grown = [_grow(one, grow, self._size) for one in found if one.score >= score]
        hits = [one for one in grown if one is not None]
        if not hits:
            self.missed.append(f"/regions/{index} ({query.kind})")
        for one in hits:
            box = one.box
            window = mask[box.top : box.bottom, box.left : box.right]
            window[one.mask > 0] = 0 if region.subtract else 255
        self._hits += [_Hit(index, name, one) for one in hits]
        self.facts.append(_describe(index, query, grow, facts))
        on_step(1, 1)

    def _load(self, name: str, finder: Finder) -> FinderFacts:
        if name not in self._known:
            self._known[name] = finder.load()
        return self._known[name]

    def _miss(self) -> None:
        """Note what was not found, or fail.

        Raises:
            NothingFound: the caller did not allow it.
        """
        detail = f"nothing was found for {', '.join(self.missed)}"
        params = self._job.spec.params
        if getattr(params, "if_nothing", None) != "keep":
            raise NothingFound(f"{detail}; lower its min_score, or send if_nothing: keep")
        self.warnings.append(JobWarning(code="nothing_found", detail=detail))


def _default_grow(region: Region, query: Query, params: object) -> int:
    """Return how far to widen what is found; what is kept gets no rim of what is repainted."""
    turned = getattr(params, "mask_polarity", None) == "black_repaints"
    return 0 if bool(region.subtract) != turned else RIM_PIXELS.get(query.kind, 0)


def _is_known(region: Region) -> bool | None:
    """Return whether a region is subtracted; `None` if it is to be found."""
    return None if region.query is not None else bool(region.subtract)


def _show(picture: Picture) -> ImageArray:
    """Return a picture as finders see it: opaque, read-only."""
    opaque = lay_on_white(picture) if has_transparency(picture) else picture
    image = opaque.rgb()
    image.flags.writeable = False
    return image


def _make_query(region: Region, size: tuple[int, int]) -> Query | None:
    kind = region.query
    if kind is None:
        return None
    points = region.list_points()
    return Query(
        kind=kind,
        min_score=0.0,
        words=region.find or "" if kind == "words" else "",
        points=tuple((float(x), float(y)) for (x, y), _ in points),
        labels=tuple(label for _, label in points),
        box=_clip(region.box, size) if region.box is not None else None,
    )


def _clip(box: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    (left, top, right, bottom), (width, height) = box, size
    return max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)


def _grow(found: Found, pixels: int, size: tuple[int, int]) -> Found | None:
    """Return a thing widened or narrowed; `None` if nothing of it is left."""
    if not found.mask.any():
        return None
    if pixels == 0:
        return found
    # One pixel more: what is outside of the box is kept, and narrowing begins at its edge.
    box = widen_box(found.box, max(pixels, 1), *size)
    mask = np.zeros((box.height, box.width), np.uint8)
    top, left = found.box.top - box.top, found.box.left - box.left
    mask[top : top + found.box.height, left : left + found.box.width] = found.mask
    grown = grow_mask(mask, pixels)
    inner = bounding_box(grown)
    if inner.width == 0:
        return None
    part = grown[inner.top : inner.bottom, inner.left : inner.right]
    return replace(found, box=_shift(inner, box), mask=part)


def _shift(inner: Box, outer: Box) -> Box:
    return Box(
        left=inner.left + outer.left,
        top=inner.top + outer.top,
        right=inner.right + outer.left,
        bottom=inner.bottom + outer.top,
    )


def _describe(index: int, query: Query, grow: int, facts: FinderFacts) -> dict[str, Any]:
    """Return what the recipe says of one region; never the caller's words."""
    known: dict[str, Any] = {
        "region": index,
        "query": query.kind,
        "finder": facts.name,
        "family": facts.family,
        "is_fallback": facts.is_fallback,
        "min_score": query.min_score,
        "grow": grow,
    }
    if facts.model_revision is not None:
        known["model_revision"] = facts.model_revision
    return known | ({"details": dict(facts.details)} if facts.details else {})
