"""Inpainting from the rest of the picture, without weights."""

from __future__ import annotations

from worker.engines.telea import TeleaEngine


class PatchEngine(TeleaEngine):
    """Fills the hole from its border by fast marching, and says so in the recipe."""
