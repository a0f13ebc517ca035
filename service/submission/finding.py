"""Chooses the finders of a request, and the one queue whose workers have all that its job needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.errors import (
    ConflictingFields,
    Fault,
    LicenceRefused,
    ModelRequired,
    PaintjobError,
)
from service.contract.finders import TEXT_FINDER, FinderEntry, FinderQuery
from service.contract.names import CPU_QUEUE, gpu_queue
from service.contract.regions import Region

Finders = Mapping[FinderQuery, FinderEntry]
"""The finder of each kind of query that a request has."""

_NAMES: Mapping[FinderQuery, str] = {
    "text": "text",
    "subject": "the subject",
    "background": "the background",
    "words": "what words name",
    "points": "the thing at a point",
    "box": "the thing in a box",
}


def choose_finders(regions: Sequence[Region], catalogue: Catalogue) -> Finders:
    """Choose the finder of each query; which one follows the deployment's configuration alone.

    Raises:
        ModelRequired: none is configured for a region.
        LicenceRefused: the one that is may not be used.
    """
    chosen: dict[FinderQuery, FinderEntry] = {}
    faults: list[Fault] = []
    for index, region in enumerate(regions):
        if region.query is None or region.query in chosen:
            continue
        try:
            chosen[region.query] = _choose(region.query, catalogue)
        except PaintjobError as error:
            faults.append(Fault(find_pointer(index, region), error.code, error.detail))
    if faults:
        raise ModelRequired(faults[0].message, faults=tuple(faults))
    return chosen


def find_pointer(index: int, region: Region) -> str:
    """Return the pointer of what a region asks a finder for."""
    names = ("find", "point", "points", "refine")
    name = next(name for name in names if getattr(region, name) is not None)
    return f"/regions/{index}/{name}"


def _choose(query: FinderQuery, catalogue: Catalogue) -> FinderEntry:
    entry = catalogue.find_finder(query)
    if entry is None:
        raise ModelRequired(f"nothing here finds {_NAMES[query]}: {_how_to_add(query, catalogue)}")
    if not catalogue.allows(entry):
        raise LicenceRefused(
            f"the license of {entry.name}, {entry.licence}, forbids commercial use; the operator "
            "may allow such models by PAINTJOB_ALLOW_NON_COMMERCIAL"
        )
    return entry


def _how_to_add(query: FinderQuery, catalogue: Catalogue) -> str:
    if query in TEXT_FINDER.traits.finds:
        return (
            "the operator installs the extra `find` for every worker and sets "
            "PAINTJOB_TEXT_FINDER=true"
        )
    known = [entry for entry in catalogue.known_finders if query in entry.traits.finds]
    allowed = [entry.name for entry in known if catalogue.allows(entry)]
    if not allowed:
        return "the operator adds a finder to the file that PAINTJOB_MODELS_FILE names"
    return f"the operator adds one by `paintjob models pull {allowed[0]}`"


def has_queue(model: ModelEntry | None, finders: Finders) -> bool:
    """Return whether a queue has the model and all finders."""
    return len(set(_find_groups(model, finders).values())) <= 1


def _find_groups(model: ModelEntry | None, finders: Finders) -> dict[str, str]:
    """Return the groups of a model and of finders, by name, without those that all workers have."""
    groups = {entry.name: entry.group for entry in finders.values() if entry.group is not None}
    return groups | ({model.name: model.group} if model is not None else {})


def choose_queue(model: ModelEntry | None, finders: Finders) -> str:
    """Return the queue whose workers have the model and all finders; a worker holds one group.

    Raises:
        ConflictingFields: there is no such queue.
    """
    groups = _find_groups(model, finders)
    names = sorted(set(groups.values()))
    if len(names) > 1:
        needed = ", ".join(f"{name} (group {group})" for name, group in sorted(groups.items()))
        detail = (
            f"no worker holds all that this needs: {needed}. Find the mask first by POST /masks, "
            'one call a group, and send `mask: {"job": id}` or what was found as `rle`; or the '
            "operator gives the models one `group`"
        )
        raise ConflictingFields(detail, faults=(Fault("/regions", ConflictingFields.code, detail),))
    return gpu_queue(names[0]) if names else CPU_QUEUE


def write_regions(regions: Sequence[Region]) -> bytes:
    """Return regions as the JSON that workers read."""
    documents = [region.model_dump(exclude_none=True) for region in regions]
    return json.dumps(documents, separators=(",", ":")).encode()
