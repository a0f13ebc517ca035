"""`deploy/example.env` lists every setting with its default."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from service.config import ServiceSettings
from service.contract.settings import PREFIX, find_known_fields, read_settings
from service.courier.config import CourierSettings
from service.local.settings import UpSettings
from worker.config import WorkerSettings

EXAMPLE = Path(__file__).parents[2] / "deploy" / "example.env"
MODELS: list[type[BaseModel]] = [ServiceSettings, WorkerSettings, CourierSettings, UpSettings]


def _read_example() -> dict[str, str]:
    lines = EXAMPLE.read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def test_example_env_lists_every_setting_once() -> None:
    names = [line.partition("=")[0] for line in EXAMPLE.read_text().splitlines()]
    settings = [name for name in names if name.startswith(PREFIX)]
    assert len(settings) == len(set(settings))
    assert {name.removeprefix(PREFIX).lower() for name in settings} == find_known_fields()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_example_env_shows_the_defaults(model: type[BaseModel]) -> None:
    assert read_settings(model, _read_example()) == model()


def test_example_env_gives_a_reason_above_each_setting() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(PREFIX):
            assert lines[number - 1].startswith("# "), line


def test_up_takes_the_drain_time_that_workers_take() -> None:
    assert UpSettings().drain_seconds == WorkerSettings().drain_seconds
