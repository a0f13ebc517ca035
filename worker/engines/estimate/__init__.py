"""The estimate of how well a painting went, as people see it, from the result alone."""

from worker.engines.estimate.judging import judge
from worker.engines.estimate.model import name_doubt

__all__ = ["judge", "name_doubt"]
