"""Lines and edges that run into holes: found, paired, drawn. Knows no textures and no engines."""

from __future__ import annotations

from worker.engines.structures.connection import Connected, connect_structures

__all__ = ["Connected", "connect_structures"]
