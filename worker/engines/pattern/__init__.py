"""Outpainting that carries on what lies at the border, without weights.

`PatternEngine` is the adapter and `extend` does the work: `period` and `autocorrelation` (what
comes again), `forecast` (whether it really does), `light` (how bright it is there), `lattice`
(pieces moved by whole periods), and `growth` (patches from the border outwards, where nothing comes
again).
"""

from __future__ import annotations

from worker.engines.pattern.engine import PatternEngine
from worker.engines.pattern.extension import Extension, extend

__all__ = ["Extension", "PatternEngine", "extend"]
