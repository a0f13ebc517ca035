"""What a worker's entry makes of the settings and the models."""

from __future__ import annotations

import pytest

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.names import CPU_QUEUE, gpu_queue
from worker.main import max_jobs_of


def _entry(name: str, group: str, max_batch: int) -> ModelEntry:
    return ModelEntry.model_validate(
        {
            "name": name,
            "group": group,
            "family": "stable-diffusion",
            "source": f"somebody/{name}",
            "max_batch": max_batch,
            "licence": "Apache-2.0",
        }
    )


@pytest.mark.parametrize(("queue", "expected"), [(CPU_QUEUE, 1), (gpu_queue("a"), 8)])
def test_max_jobs_of_follows_the_model_that_takes_most(queue: str, expected: int) -> None:
    entries = (_entry("one", "a", 1), _entry("many", "a", 8), _entry("other", "b", 16))
    catalogue = Catalogue(models=entries)
    assert max_jobs_of(queue, catalogue) == expected
