"""`paintjob mcp`: a running service as tools for assistants, by the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.client import AsyncPaintjobClient
from service.commands.connecting import DEFAULT_URL, REACH_SECONDS, ApiKey, ServiceUrl


def mcp(
    folder: Annotated[
        Path,
        typer.Option(
            help="The folder whose pictures may be read and written.",
            exists=True,
            file_okay=False,
        ),
    ] = Path(),
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
) -> None:
    """Serve inpaint, outpaint, find and job_status to an assistant, over standard streams.

    Needs the extra `mcp`. An assistant starts it: name this command in its settings.
    """
    try:
        from service.commands.mcp_tools import build_server
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        raise ValueError(
            "install the extra `mcp` (pip install 'paintjob[mcp]') to run this"
        ) from None
    client = AsyncPaintjobClient(url, api_key=key, reach_seconds=REACH_SECONDS)
    build_server(client, folder).run()
