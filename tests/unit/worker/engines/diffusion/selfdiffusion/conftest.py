"""Small pictures with holes, and the one pipeline that paints them."""

from __future__ import annotations

import os

import pytest

# Before torch is imported: spinning barriers make a busy machine four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from worker.engines.diffusion.selfdiffusion.pipeline import SelfDiffusionPipeline, build_pipeline
from worker.engines.patch import warm


@pytest.fixture(scope="session")
def pipeline() -> SelfDiffusionPipeline:
    warm()
    return build_pipeline()
