"""A finder with one model of transformers: loaded, unloaded, asked."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import transformers
from torch.nn.functional import interpolate
from transformers.utils import logging as untyped_logging

from service.contract.errors import ModelUnavailable
from service.contract.finders import FinderEntry
from worker.engines.base import StepCallback
from worker.engines.diffusion.companions import DTYPES, find_origin
from worker.engines.diffusion.faults import (
    DeviceLost,
    is_device_lost,
    is_out_of_memory,
    memory_failure,
)
from worker.engines.diffusion.loading import choose_device
from worker.engines.finders.base import FinderFacts, Found, Query
from worker.engines.pinning import check_files
from worker.imaging import ImageArray

# transformers' annotations do not know what its lazy module holds.
library: Any = transformers
transformers_logging: Any = untyped_logging

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Means and deviations of red, green and blue, 0 .. 1, that models were trained with."""


@dataclass(frozen=True)
class Origin:
    """Where a model lies.

    Attributes:
        source: a folder, or a repository of the Hub.
        revision: commit of the repository.
    """

    source: str
    revision: str | None


class ModelFinder(ABC):
    """Finds with one model.

    Args:
        entry: as configured.
        threads: threads of the processor for torch; 0 leaves it to torch.
    """

    model_class: ClassVar[str]
    reads_words: ClassVar[bool] = False

    def __init__(self, entry: FinderEntry, threads: int = 0) -> None:
        self._entry = entry
        self._threads = threads
        self._device = choose_device()
        self._model: Any = None
        self._tokenizer: Any = None

    @property
    def is_loaded(self) -> bool:
        """True if the model is in memory."""
        return self._model is not None

    def unload(self) -> None:
        """Drop the model."""
        self._model = self._tokenizer = None
        gc.collect()
        torch.cuda.empty_cache()

    def load(self) -> FinderFacts:
        """Load the model, if it is not loaded, and return what recipes say of it.

        Raises:
            ModelUnavailable: the weights cannot be loaded.
            OutOfMemory, GpuOutOfMemory: the memory does not hold them.
        """
        if self._model is None:
            if self._threads:
                torch.set_num_threads(self._threads)
            check_files(self._entry)
            self._attempt()
        return FinderFacts(
            name=self._entry.name,
            family=self._entry.family,
            model_revision=self._entry.revision,
            versions={"torch": torch.__version__, "transformers": transformers.__version__},
            details={"device": self._device, "dtype": self._entry.dtype},
        )

    def find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        """Find what a query asks for.

        Raises:
            OutOfMemory, GpuOutOfMemory: the memory does not hold it.
            DeviceLost: the accelerator is broken; the process must end.
        """
        self.load()
        try:
            with torch.inference_mode():
                found = self._find(image, query, on_step)
        except RuntimeError as error:
            if is_device_lost(error):
                raise DeviceLost("the accelerator cannot be used") from None
            if not is_out_of_memory(error):
                raise
            raise memory_failure(self._device, f"a search by {self._entry.name}") from None
        return sorted(found, key=lambda one: -one.score)

    @abstractmethod
    def _find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        """Find, with the model loaded, without gradients."""

    def _read(self) -> None:
        """Read the model and its parts."""
        origin = Origin(self._entry.source, self._entry.revision)
        self._model = self._read_model(self.model_class, origin)
        if self.reads_words:
            places = find_origin(self._entry, origin.source, origin.revision)
            self._tokenizer = library.AutoTokenizer.from_pretrained(
                origin.source, trust_remote_code=False, **places
            )

    def _read_model(self, model_class: str, origin: Origin) -> Any:
        loaded = getattr(library, model_class)
        places = find_origin(self._entry, origin.source, origin.revision)
        self._check_type(loaded.config_class, origin, places)
        model, report = loaded.from_pretrained(
            origin.source,
            dtype=DTYPES[self._entry.dtype],
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **places,
        )
        # The library fills what the files lack with random numbers, and only warns.
        if report["missing_keys"]:
            lacking = f"{len(report['missing_keys'])} of {len(model.state_dict())}"
            raise self._mistake(f"its weights lack {lacking} tensors of {model_class}")
        return model.to(self._device).eval()

    def _check_type(self, config_class: Any, origin: Origin, places: Mapping[str, Any]) -> None:
        """Check the type that a model's files name, and raise `ModelUnavailable` for another.

        The settings of another type would be taken for absent, and a model built by the defaults:
        one of full size.
        """
        settings, _ = config_class.get_config_dict(origin.source, **places)
        named = str(settings.get("model_type", "none"))
        # Publishers put the model for videos there, which holds the one for pictures.
        if named not in (config_class.model_type, f"{config_class.model_type}_video"):
            raise self._mistake(f"its config.json names {named}, not {config_class.model_type}")

    def _mistake(self, reason: str) -> ModelUnavailable:
        detail = f"the finder {self._entry.name} could not be loaded: {reason}; the operator gives "
        return ModelUnavailable(f"{detail}it a source of the family {self._entry.family}")

    def _attempt(self) -> None:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            return self._read()
        except (ModelUnavailable, MemoryError):
            self.unload()
            raise
        # Broken weights raise nearly anything: OSError, ValueError, KeyError, SafetensorError, …
        except Exception as error:
            self._model = self._tokenizer = None
            if is_device_lost(error):
                raise DeviceLost("the accelerator cannot be used") from None
            if not is_out_of_memory(error):
                detail = f"the finder {self._entry.name} could not be loaded; if it is of the Hub: "
                detail += f"paintjob models pull {self._entry.name}"
                raise ModelUnavailable(detail) from error
        raise memory_failure(self._device, self._entry.name)

    def _make_planes(
        self,
        image: ImageArray,
        size: tuple[int, int],
        colors: tuple[tuple[float, ...], tuple[float, ...]],
    ) -> torch.Tensor:
        """Return a picture as a model takes it: (1, 3, height, width).

        Args:
            image: RGB.
            size: height and width.
            colors: means and deviations.
        """
        planes = torch.tensor(image).to(self._device).permute(2, 0, 1)[None].float() / 255
        resized = interpolate(planes, size, mode="bilinear", antialias=True, align_corners=False)
        mean, deviation = (torch.tensor(one, device=self._device)[:, None, None] for one in colors)
        return ((resized - mean) / deviation).to(DTYPES[self._entry.dtype])

    def _read_words(self, words: str, **options: Any) -> tuple[dict[str, torch.Tensor], bool]:
        """Return the tokens of words, and whether some were cut off."""
        limit = options.get("max_length") or self._tokenizer.model_max_length
        tokens = self._tokenizer(words, return_tensors="pt", truncation=True, **options)
        whole = len(self._tokenizer(words)["input_ids"])
        return {name: one.to(self._device) for name, one in tokens.items()}, whole > limit


def clip_box(
    box: Sequence[float], width: int, height: int
) -> tuple[float, float, float, float] | None:
    """Return a box within a picture, or nothing if less than a pixel of it is."""
    left, right = (min(max(side, 0.0), float(width)) for side in (box[0], box[2]))
    top, bottom = (min(max(side, 0.0), float(height)) for side in (box[1], box[3]))
    return (left, top, right, bottom) if right - left >= 1 and bottom - top >= 1 else None
