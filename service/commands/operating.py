"""Options of the commands that work on a deployment's broker, and the store over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from service import store
from service.contract.settings import SharedSettings

RedisUrl = Annotated[
    str,
    typer.Option(help="The broker; default: the embedded one.", envvar="PAINTJOB_REDIS_URL"),
]
Namespace = Annotated[
    str, typer.Option(help="Prefix of the keys in it.", envvar="PAINTJOB_NAMESPACE")
]
DataDir = Annotated[
    Path, typer.Option(help="Folder of the embedded broker.", envvar="PAINTJOB_DATA_DIR")
]

DEFAULTS = SharedSettings()


@contextmanager
def open_store(redis_url: str, namespace: str, data_dir: Path) -> Iterator[store.JobStore]:
    """Open the store that a command's options name, and close it at the end."""
    settings = SharedSettings(redis_url=redis_url, namespace=namespace, data_dir=data_dir)
    with open_store_of(settings) as jobs:
        yield jobs


@contextmanager
def open_store_of(settings: SharedSettings) -> Iterator[store.JobStore]:
    """Open the store of a deployment, and close it at the end."""
    url = settings.resolved_redis_url()
    jobs = store.connect(url, namespace=settings.namespace, logs=False)
    try:
        yield jobs
    finally:
        jobs.redis.close()
