"""Channels gone over one by one give what numpy gives, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from worker.engines.channels import largest_channel, sum_channels


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_channels_are_reduced_as_by_numpy(channels: int, kind: type[np.floating]) -> None:
    scale = 10.0 ** np.random.default_rng(1).integers(-3, 4, (40, 50, channels))
    planes = (np.random.default_rng(2).normal(size=(40, 50, channels)) * scale).astype(kind)
    assert np.array_equal(largest_channel(planes), planes.max(axis=2))
    assert np.array_equal(sum_channels(planes), planes.sum(axis=2))
