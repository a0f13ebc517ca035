"""Pictures of few colors and sharp edges: told from photos, and filled flat. Knows no engines."""

from __future__ import annotations

from worker.engines.graphics.filling import Flat, fill_flat, is_smooth, snap
from worker.engines.graphics.palette import Palette, find_palette

__all__ = ["Flat", "Palette", "fill_flat", "find_palette", "is_smooth", "snap"]
