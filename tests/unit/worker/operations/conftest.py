"""A store of the test's own, and the weight-free engines."""

from __future__ import annotations

import pytest

from service.contract.catalogue import Catalogue
from service.store.blobs import BlobStore
from worker.config import WorkerSettings
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import build_engines


@pytest.fixture
def blobs() -> BlobStore:
    return BlobStore.open("memory://")


@pytest.fixture
def engines() -> EngineRegistry:
    return build_engines(WorkerSettings(), Catalogue())
