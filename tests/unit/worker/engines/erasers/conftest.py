from __future__ import annotations

from pathlib import Path

import pytest

from service.contract.catalogue import ModelEntry
from tests.support.tiny_nets import write_mi_gan, write_moebius


def entry_of(family: str, source: Path, **changes: object) -> ModelEntry:
    """Return an entry of the test's own, with four pictures a call."""
    values: dict[str, object] = {"name": f"tiny-{family}", "family": family, "max_batch": 4}
    return ModelEntry.model_validate({**values, "source": str(source), **changes})


@pytest.fixture(scope="session")
def mi_gan(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    return entry_of("mi-gan", write_mi_gan(tmp_path_factory.mktemp("migan"), side=128))


@pytest.fixture(scope="session")
def moebius(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    folder = write_moebius(tmp_path_factory.mktemp("moebius"))
    defaults = {"num_inference_steps": 3, "guidance_scale": 2.5}
    return entry_of("moebius", folder, defaults=defaults)
