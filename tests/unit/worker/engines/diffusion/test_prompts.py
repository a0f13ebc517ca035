from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from worker.engines.diffusion.families.base import Adapter, Embedding
from worker.engines.diffusion.prompts import PromptCache

PIPELINE = SimpleNamespace(dtype=torch.float32, _execution_device=torch.device("cpu"))


class CountingAdapter(Adapter):
    """Its embedding of a text is 400 bytes large, and tells which run made it."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        self.texts.append(text)
        return {"prompt_embeds": torch.full((1, 100), float(len(self.texts))), "mask": None}


@pytest.fixture
def adapter() -> CountingAdapter:
    return CountingAdapter()


def test_embed_keeps_what_was_used_last(adapter: CountingAdapter) -> None:
    cache = PromptCache(max_bytes=800)
    for text in ("a", "b", "a", "c", "a", "b"):
        cache.embed(adapter, PIPELINE, text, None)
    assert adapter.texts == ["a", "b", "c", "b"]


def test_embed_tells_texts_lengths_and_precisions_apart(adapter: CountingAdapter) -> None:
    cache = PromptCache()
    half = SimpleNamespace(dtype=torch.float16, _execution_device=torch.device("cpu"))
    seen = [
        cache.embed(adapter, pipeline, text, length)["prompt_embeds"][0, 0].item()
        for pipeline in (PIPELINE, half)
        for text in ("", "a")
        for length in (None, 64)
    ]
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]


def test_embed_gives_what_is_too_large_to_keep(adapter: CountingAdapter) -> None:
    cache = PromptCache(max_bytes=100)
    assert cache.embed(adapter, PIPELINE, "a", None)["prompt_embeds"].shape == (1, 100)
    cache.embed(adapter, PIPELINE, "a", None)
    assert adapter.texts == ["a", "a"]
