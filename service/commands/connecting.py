"""Options of the commands that call a running service, and its client."""

from __future__ import annotations

from typing import Annotated

import typer

from service.client import PaintjobClient

DEFAULT_URL = "http://127.0.0.1:8080"
REACH_SECONDS = 1.0
"""Time after which a service that has never answered counts as dead: somebody is waiting."""

ServiceUrl = Annotated[str, typer.Option("--url", help="URL of the service.")]
ApiKey = Annotated[
    str | None, typer.Option("--key", help="API key, if it requires one.", envvar="PAINTJOB_KEY")
]

Redirect = Annotated[
    bool,
    typer.Option("--redirect", help="Fetch results from the object store itself, where it can be."),
]


def open_client(url: str, key: str | None, redirect: bool = False) -> PaintjobClient:
    """Return a client that soon reports a service that is dead."""
    return PaintjobClient(url, api_key=key, reach_seconds=REACH_SECONDS, redirects=redirect)
