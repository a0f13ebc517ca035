"""Completion of holes from the picture's own patches, without weights.

`complete` copies patches; `filling` comes before it (structures, graphics, grounds), and
`PatchEngine` is the adapter of both. `Start` lets other methods begin with a picture or with
offsets of their own, and `Guide` keep to a picture that shows the hole from afar. One idea a file:
`windows` (where), `plan` (how), `pyramid` and `features` (what is compared), `grid`, `distance` and
`search` (likenesses), `vote`, `peel` (the first guess), `tone` and `blend` (the last picture),
`levels` (the loop), `estimate`.
"""

from __future__ import annotations

from worker.engines.patch.completion import Completion, complete
from worker.engines.patch.engine import PatchEngine
from worker.engines.patch.guide import Guide
from worker.engines.patch.levels import Start
from worker.engines.patch.plan import Quality
from worker.engines.patch.warming import versions, warm

__all__ = ["Completion", "Guide", "PatchEngine", "Quality", "Start", "complete", "versions", "warm"]
