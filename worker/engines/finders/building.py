"""Builds the finders of a worker from their entries."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from service.contract.finders import FinderEntry
from worker.engines.finders.base import Finder

ADAPTERS: Mapping[str, str] = {
    "birefnet": "worker.engines.finders.salience:SalienceFinder",
    "efficientvit-sam": "worker.engines.finders.efficientvit:EfficientVitSamFinder",
    "grabcut": "worker.engines.finders.grabcut.finder:GrabCutFinder",
    "grounding-dino": "worker.engines.diffusion.finders.detectors:GroundingDinoFinder",
    "isnet": "worker.engines.finders.salience:SalienceFinder",
    "owlv2": "worker.engines.diffusion.finders.detectors:Owlv2Finder",
    "sam2": "worker.engines.diffusion.finders.sam2:Sam2Finder",
    "sam3": "worker.engines.diffusion.finders.sam3:Sam3Finder",
    "text-detector": "worker.engines.finders.text.finder:TextFinder",
}
"""The adapter of each family as `module:class`, by the family's name. Imported when it is built: a
worker runs without the libraries of those that it does not serve. The class takes the entry and
the threads that it may use, 0 for as many as there are cores."""


def build_finder(entry: FinderEntry, threads: int = 0) -> Finder:
    """Build a finder, without loading it.

    Raises:
        ValueError: its libraries are not installed; the text names the extra.
    """
    module, _, name = ADAPTERS[entry.family].partition(":")
    try:
        adapter = getattr(import_module(module), name)
    except ImportError as error:
        extra = entry.traits.extra or "paint"
        raise ValueError(
            f"the finder {entry.name} needs what pip install 'paintjob[{extra}]' installs: {error}"
        ) from error
    return cast("Finder", adapter(entry, threads))
