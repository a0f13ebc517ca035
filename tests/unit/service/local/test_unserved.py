from __future__ import annotations

import pytest

from service.contract.catalogue import Catalogue, ModelEntry
from service.local import deployment
from service.local.deployment import find_unserved

MI_GAN = ModelEntry(name="mi-gan", family="mi-gan", source="/m")
LAMA = ModelEntry(name="lama", family="lama", source="/l", group="lama")
KLEIN = ModelEntry(name="klein", family="flux2-klein", source="/k")


def test_queues_whose_models_need_what_is_not_installed_have_no_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalogue = Catalogue(models=(MI_GAN, LAMA, KLEIN))
    assert find_unserved(catalogue) == {}
    monkeypatch.setattr(deployment, "find_spec", lambda name: None if name == "torch" else name)
    assert find_unserved(catalogue) == {"paint-gpu:lama": LAMA, "paint-gpu:default": KLEIN}
