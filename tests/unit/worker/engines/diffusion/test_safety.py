from __future__ import annotations

import numpy as np

from worker.engines.diffusion.safety import NoSafetyCheck, SafetyCheck


def test_no_safety_check_lets_everything_pass() -> None:
    check: SafetyCheck = NoSafetyCheck()
    image, mask = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)
    assert check.check_prompt("anything", "").allowed
    assert check.check_input(image, mask).allowed
    assert check.check_output(image, mask).allowed
