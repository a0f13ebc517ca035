"""Finders: what marks a part of a picture from what is to be found there. Data only.

A region of a request may say what to mark instead of where (`find`, `points`, `box` with `refine`).
The API chooses the finder of each from the deployment's catalog; the worker's adapter of the same
family name finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

FinderQuery = Literal["text", "subject", "background", "words", "points", "box"]
"""The queries of regions. `text`: written text; `subject`: what stands in front;
`background`: all but that; `words`: what a few words name; `points`: the thing at points; `box`:
the thing in a box."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


RIM_PIXELS: Final[Mapping[FinderQuery, int]] = {"subject": 3, "box": 3, "points": 3, "words": 3}
"""Default of a region's `grow`: a thing's colors reach some pixels past its edge, and what stays of
them is continued. Text is found with its rim; a background must not reach into the subject."""


class FinderFamily(BaseModel):
    """Finders that one adapter calls.

    Attributes:
        name: as models name it in `family`.
        finds: the queries that it can answer.
        extra: extra of the installation that it needs beside `paint`; `None` for none.
        min_score: default of `min_score`: what is found with less is left out.
        is_weight_free: whether every worker that paints has it, without any model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    finds: frozenset[FinderQuery]
    extra: str | None = None
    min_score: float = 0.5
    is_weight_free: bool = False


_FAMILIES = (
    FinderFamily(
        name="grabcut",
        finds=frozenset({"subject", "background", "box"}),
        min_score=0.25,
        is_weight_free=True,
    ),
    FinderFamily(
        name="text-detector",
        finds=frozenset({"text"}),
        extra="find",
    ),
    FinderFamily(
        name="isnet", finds=frozenset({"subject", "background"}), extra="find", min_score=0.0
    ),
    FinderFamily(
        name="birefnet",
        finds=frozenset({"subject", "background"}),
        extra="find",
        min_score=0.0,
    ),
    FinderFamily(name="efficientvit-sam", finds=frozenset({"points", "box"}), extra="find"),
    FinderFamily(name="sam2", finds=frozenset({"points", "box"}), extra="generate"),
    FinderFamily(name="sam3", finds=frozenset({"words"}), extra="generate"),
    FinderFamily(
        name="grounding-dino", finds=frozenset({"words"}), extra="generate", min_score=0.3
    ),
    FinderFamily(name="owlv2", finds=frozenset({"words"}), extra="generate", min_score=0.2),
)

FINDER_FAMILIES: Mapping[str, FinderFamily] = {family.name: family for family in _FAMILIES}
"""Every family of finders, by name."""


class FinderEntry(BaseModel):
    """One finder of a deployment: a model of the kind `finder`.

    Attributes:
        name: as jobs and `GET /models` name it.
        kind: always `finder`; models that paint have none.
        family: which adapter calls it.
        source: a local file or directory, or a repository id on the Hub; empty without weights.
        revision: commit of the repository; required for the Hub.
        files: names of the weight files in the source, for families that load single files.
        segmenter: source of the model that turns boxes into masks, for families that find boxes.
        segmenter_revision: commit of that repository.
        sha256: of every file, by source and by path in it; `models pull` writes them.
        dtype: `float32`, `bfloat16` or `float16`.
        licence: SPDX id or name, shown to callers.
        commercial: whether the license allows commercial use of the weights.
        memory_bytes: accelerator memory that it needs, roughly.
        description: one sentence for people.
        group: models of one group are served by one worker and one queue; `None` for a finder that
            every worker has, so that its jobs stay in the queue of what paints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")
    kind: Literal["finder"] = "finder"
    family: str
    source: str = ""
    revision: str | None = None
    files: tuple[str, ...] = ()
    segmenter: str | None = None
    segmenter_revision: str | None = None
    sha256: Mapping[str, Mapping[str, Sha256]] = {}
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    licence: str = "unknown"
    commercial: bool = True
    memory_bytes: int | None = Field(None, ge=0)
    description: str = ""
    group: str | None = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")

    @property
    def revisions(self) -> dict[str, str | None]:
        """Everything that its files come from, each with the commit that is used."""
        parts = {self.source: self.revision, self.segmenter or "": self.segmenter_revision}
        return {source: revision for source, revision in parts.items() if source}

    @property
    def is_pinned(self) -> bool:
        """True if the hashes of all of its sources are known, so that every load checks them."""
        return all(self.sha256.get(source) for source in self.revisions)

    @property
    def traits(self) -> FinderFamily:
        """Abilities of the finder's family."""
        return FINDER_FAMILIES[self.family]

    @field_validator("family")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in FINDER_FAMILIES:
            raise ValueError(f"must be one of {', '.join(FINDER_FAMILIES)} for a finder")
        return value


GRABCUT = FinderEntry(
    name="grabcut",
    family="grabcut",
    licence="none needed",
    description="Built in, without weights: cuts out what differs from the ground at the border, "
    "or at the box.",
    group=None,
)
"""Finds subject and background, and refines boxes, where no model is configured for it."""

TEXT_FINDER = FinderEntry(
    name="text",
    family="text-detector",
    licence="Apache-2.0",
    description="Finds written text by a small detector that comes with the extra `find`.",
    group=None,
)
"""Finds text where `PAINTJOB_TEXT_FINDER` says that every worker has the extra `find`."""
