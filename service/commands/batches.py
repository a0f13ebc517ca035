"""`paintjob batches`: list the caller's batches, show, wait for, cancel and delete them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.client import Batch
from service.commands.connecting import DEFAULT_URL, ApiKey, ServiceUrl, open_client
from service.commands.jobs import AsJson
from service.commands.outputs import check_output

batches_app = typer.Typer(help="Batches of a running service.", no_args_is_help=True)

BatchId = Annotated[str, typer.Argument(help="Its id, batch_…")]
ZipFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Zip file for the results, once it has ended.")
]


@batches_app.command("list")
def list_batches(
    limit: Annotated[int, typer.Option(min=1, help="So many batches at most.")] = 20,
    as_json: AsJson = False,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
) -> None:
    """List your batches, newest first."""
    with open_client(url, key) as client:
        for batch in islice(client.list_batches(), limit):
            typer.echo(batch.model_dump_json() if as_json else _describe(batch))


@batches_app.command("get")
def get_batch(batch_id: BatchId, url: ServiceUrl = DEFAULT_URL, key: ApiKey = None) -> None:
    """Print a batch's document, as JSON."""
    with open_client(url, key) as client:
        typer.echo(client.get_batch(batch_id).model_dump_json(indent=2))


@batches_app.command("wait")
def wait(
    batch_id: BatchId,
    output: ZipFile = None,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
) -> None:
    """Show a batch's progress until it has ended; exit status 1 unless every item succeeded."""
    if output is not None:
        check_output(output)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    with open_client(url, key) as client:
        with bar:
            shown = bar.add_task("batch", total=None)

            def show(now: Batch) -> None:
                done = now.total - now.counts.unfinished
                bar.update(shown, description=now.status, total=now.total, completed=done)

            batch = client.wait_batch(batch_id, show)
        if output is not None:
            client.save_batch_results(batch_id, output)
    typer.echo(_describe(batch))
    if batch.counts.succeeded < batch.total:
        raise ValueError(f"{batch.total - batch.counts.succeeded} items have no result")


@batches_app.command("cancel")
def cancel_batch(batch_id: BatchId, url: ServiceUrl = DEFAULT_URL, key: ApiKey = None) -> None:
    """Cancel all jobs of a batch that have not ended."""
    with open_client(url, key) as client:
        typer.echo(_describe(client.cancel_batch(batch_id)))


@batches_app.command("delete")
def delete_batch(batch_id: BatchId, url: ServiceUrl = DEFAULT_URL, key: ApiKey = None) -> None:
    """Delete a batch with all its jobs and pictures."""
    with open_client(url, key) as client:
        client.delete_batch(batch_id)
        typer.echo(f"{batch_id} is deleted")


def _describe(batch: Batch) -> str:
    counts = batch.counts
    named = {
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "canceled": counts.canceled,
        "refused": counts.refused,
        "deleted": counts.deleted,
    }
    told = ", ".join(f"{count} {name}" for name, count in named.items() if count)
    columns = f"{batch.id}  {batch.status:<9} {batch.total:>5} items  {batch.created_at:%F %T}"
    return f"{columns}  {told}".rstrip()
