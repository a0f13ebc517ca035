from __future__ import annotations

import numpy as np
import pytest

from tests.support.pictures import make_box_mask
from worker.engines.patch import Quality
from worker.engines.patch.plan import Plan, make_plan


def plan_of(quality: Quality, *, is_close: bool) -> Plan:
    hole = make_box_mask(256, 256, (64, 64, 192, 192))
    sources = np.where(hole == 0, np.uint8(255), np.uint8(0))
    plan = make_plan(hole, sources, quality, start_level=2, is_close=is_close)
    assert plan is not None
    return plan


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
def test_make_plan_takes_few_fine_rounds_from_a_close_start(quality: Quality) -> None:
    usual, close = plan_of(quality, is_close=False), plan_of(quality, is_close=True)
    balanced = plan_of("balanced", is_close=False)
    for level in (0, 1):
        assert close.em_at(level) == min(usual.em_at(level), balanced.em_at(level))
        assert close.sweeps_at(level) == min(usual.sweeps_at(level), balanced.sweeps_at(level))
    assert (close.em_at(2), close.stride) == (usual.em_at(2), usual.stride)
    assert close.rounds <= usual.rounds
