"""The protocol of finders, and the data that pass through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from service.contract.finders import FinderQuery
from service.contract.geometry import Box
from worker.engines.base import StepCallback
from worker.imaging import ImageArray, MaskArray


@dataclass(frozen=True)
class Query:
    """The query of a region; coordinates in pixels of the upright picture.

    Attributes:
        kind: what is asked for.
        min_score: what is found with less is left out; 0 .. 1.
        words: what to find, as the caller wrote it; of `words` alone.
        points: x and y of places; of `points` alone. The first pixel's center is (0.5, 0.5).
        labels: as many as points: True belongs to the thing, False does not. One is True.
        box: left, top, right, bottom, within the picture; of `box` alone.
    """

    kind: FinderQuery
    min_score: float
    words: str = ""
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[bool, ...] = ()
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """One thing that was found.

    Attributes:
        box: where it lies; not empty, within the picture.
        mask: uint8 (box.height, box.width), 255 of the thing, 0 beside it. Of its box alone,
            because a page of text may have hundreds of lines.
        score: 0 .. 1; 1 where the finder has no measure.
        label: what it is: `text`, `subject`, `background`, or the words that were asked for.
        details: how it was found, for the recipe; values that JSON knows.
    """

    box: Box
    mask: MaskArray
    score: float
    label: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FinderFacts:
    """Facts of a finder for the recipe, so that the same can be found again.

    Attributes:
        name: of its entry.
        family: which adapter.
        model_revision: commit or digest of its weights; `None` without weights.
        is_fallback: whether it stands in, without weights, for a model that is not configured.
        versions: of the libraries that compute.
        details: everything else; values that JSON knows.
    """

    name: str
    family: str
    model_revision: str | None = None
    is_fallback: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


class Finder(Protocol):
    """Finds things in pictures. The same picture and query find the same, bit by bit."""

    def load(self) -> FinderFacts:
        """Make ready to find, once; return what recipes say of it.

        Called again it does nothing and returns the same.

        Raises:
            ModelUnavailable: its weights or libraries cannot be loaded.
        """
        ...

    def find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        """Find what a query asks for.

        Args:
            image: RGB uint8 (H, W, 3), upright, laid on white where it is transparent. Not to be
                written to.
            query: of a kind that the finder's family answers.
            on_step: called with the steps done and all steps, before and after anything that takes
                more than a fraction of a second.

        Returns:
            What was found, the highest score first; nothing if nothing was.

        Raises:
            Aborted: out of `on_step`; the finder must be usable again afterwards.
        """
        ...


@runtime_checkable
class UnloadableFinder(Finder, Protocol):
    """A finder whose model can be unloaded when others need the memory."""

    @property
    def is_loaded(self) -> bool:
        """True if its model is in memory."""
        ...

    def unload(self) -> None:
        """Free the memory; does nothing if it is not loaded. `load` and `find` load again."""
        ...
