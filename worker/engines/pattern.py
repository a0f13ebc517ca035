"""Outpainting that carries on what lies at the border, without weights."""

from __future__ import annotations

from worker.engines.telea import TeleaEngine


class PatternEngine(TeleaEngine):
    """Fills the canvas from the original's border by fast marching, and says so in the recipe."""
