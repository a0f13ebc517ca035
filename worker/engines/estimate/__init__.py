"""How well a painting went, as people see it: told from the result and from what lies around it."""

from worker.engines.estimate.judging import judge
from worker.engines.estimate.model import name_doubt

__all__ = ["judge", "name_doubt"]
