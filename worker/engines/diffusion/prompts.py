"""Embeddings of prompts, kept: a text encoder may be as large as the model that paints."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import torch

from service.contract.jobs import JobWarning
from worker.engines.diffusion.families.base import Adapter, Embedding

MAX_BYTES: Final = 256 * 2**20
"""Of embeddings that one model keeps; in main memory, since a copy costs next to nothing."""


class PromptCache:
    """Keeps embeddings of one pipeline by text and length, the least recently used go first.

    Every text is encoded by itself, so that a row's embedding does not depend on its batch mates.

    Args:
        max_bytes: of embeddings kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, int | None, torch.dtype], Embedding] = OrderedDict()
        self._device: Any = None

    def embed(
        self, adapter: Adapter, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> Embedding:
        """Give the embedding of a text, on the pipeline's device.

        Args:
            adapter: runs the text encoders.
            pipeline: always the same one.
            text: any.
            max_sequence_length: tokens that the text is padded and cut to.
        """
        # With the dtype: a run that is repeated in higher precision reads the text again.
        key = (text, max_sequence_length, pipeline.dtype)
        if key not in self._kept:
            with torch.no_grad():
                self._keep(key, adapter.encode(pipeline, text, max_sequence_length))
        self._kept.move_to_end(key)
        found = self._kept[key]
        self._forget()
        if self._device is None:
            # It looks through all modules for hooks, every time: as long as a small model's step.
            self._device = pipeline._execution_device
        return _moved(found, self._device)

    def _keep(self, key: tuple[str, int | None, torch.dtype], embedding: Embedding) -> None:
        self._kept[key] = _moved(embedding, "cpu")
        self._bytes += _size(embedding)

    def _forget(self) -> None:
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)


def find_cuts(
    adapter: Adapter,
    pipeline: Any,
    texts: Mapping[str, str | None],
    max_sequence_length: int | None,
) -> tuple[JobWarning, ...]:
    """Find texts of which the model has read the beginning alone.

    Args:
        adapter: knows its tokenizer.
        pipeline: has it.
        texts: by the parameter that they came in.
        max_sequence_length: tokens that texts are cut to.
    """
    counts = {
        name: adapter.count_tokens(pipeline, text, max_sequence_length)
        for name, text in texts.items()
        if text
    }
    return tuple(
        JobWarning(
            code="prompt_cut",
            detail=f"{name} comes to {needed} tokens, of which the model reads {room}: the rest "
            "was cut off",
        )
        for name, (needed, room) in counts.items()
        if needed > room
    )


def _moved(embedding: Embedding, device: Any) -> Embedding:
    return {name: None if value is None else value.to(device) for name, value in embedding.items()}


def _size(embedding: Embedding) -> int:
    return sum(value.nbytes for value in embedding.values() if value is not None)
