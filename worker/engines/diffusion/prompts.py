"""A cache of prompt embeddings: a text encoder may be as large as the model that paints."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import torch

from service.contract.jobs import JobWarning
from worker.engines.diffusion.families.base import Adapter, Embedding
from worker.engines.diffusion.loras import LoraSet

_Key = tuple[str, int | None, torch.dtype, LoraSet]

MAX_BYTES: Final = 256 * 2**20
"""Bytes of embeddings kept for one model; in main memory, because a copy costs little."""


class PromptCache:
    """Keeps the embeddings of one pipeline by text and length; drops the least recently used first.

    Every text is encoded alone, so that an embedding does not depend on other pictures of a call.

    Args:
        max_bytes: of the embeddings kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[_Key, Embedding] = OrderedDict()
        self._device: Any = None

    def embed(
        self,
        adapter: Adapter,
        pipeline: Any,
        text: str,
        max_sequence_length: int | None,
        loras: LoraSet = (),
    ) -> Embedding:
        """Return the embedding of a text, on the pipeline's device.

        Args:
            adapter: runs the text encoders.
            pipeline: always the same one.
            text: any.
            max_sequence_length: length in tokens that the text is padded or cut to.
            loras: that are on; they may change the text encoder too.
        """
        # With the dtype: a run repeated in higher precision encodes the text again.
        key = (text, max_sequence_length, pipeline.dtype, loras)
        if key not in self._kept:
            with torch.no_grad():
                self._keep(key, adapter.encode(pipeline, text, max_sequence_length))
        self._kept.move_to_end(key)
        found = self._kept[key]
        self._forget()
        if self._device is None:
            # It searches all modules for hooks each time: as long as a step of a small model.
            self._device = pipeline._execution_device
        return _moved(found, self._device)

    def _keep(self, key: _Key, embedding: Embedding) -> None:
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
    """Find the texts of which the model read only the beginning.

    Args:
        adapter: knows the tokenizer.
        pipeline: has the tokenizer.
        texts: by their parameter.
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
            detail=f"{name} has {needed} tokens, of which the model reads {room}; the rest "
            "was cut off",
        )
        for name, (needed, room) in counts.items()
        if needed > room
    )


def _moved(embedding: Embedding, device: Any) -> Embedding:
    return {name: None if value is None else value.to(device) for name, value in embedding.items()}


def _size(embedding: Embedding) -> int:
    return sum(value.nbytes for value in embedding.values() if value is not None)
