"""`paintjob jobs`: list the caller's jobs, show, cancel and delete them; `paintjob usage`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from service.client import ListedJob, PaintjobClient
from service.commands.connecting import DEFAULT_URL, ApiKey, ServiceUrl, open_client

jobs_app = typer.Typer(help="The jobs of a running service.", no_args_is_help=True)

JobIds = Annotated[list[str], typer.Argument(help="Ids, job_…")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines, one a line.")]
MAX_PAGE = 100


@jobs_app.command("list")
def list_jobs(
    status: Annotated[
        list[str] | None,
        typer.Option(help="queued, running, succeeded, failed or canceled; repeat for several."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only jobs with this tag.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many jobs at most.")] = 20,
    as_json: AsJson = False,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
) -> None:
    """List your jobs, newest first."""
    with open_client(url, key) as client:
        for job in islice(_find_jobs(client, status, tag, limit), limit):
            typer.echo(job.model_dump_json() if as_json else _describe(job))


@jobs_app.command("get")
def get_job(
    job_id: Annotated[str, typer.Argument(help="Its id, job_…")],
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
) -> None:
    """Print a job's document, as JSON."""
    with open_client(url, key) as client:
        typer.echo(client.get_job(job_id).model_dump_json(indent=2))


@jobs_app.command("cancel")
def cancel_jobs(job_ids: JobIds, url: ServiceUrl = DEFAULT_URL, key: ApiKey = None) -> None:
    """Cancel jobs; a running one stops as soon as its worker hears of it."""
    with open_client(url, key) as client:
        for job_id in job_ids:
            job = client.cancel(job_id)
            is_over = job.status == "canceled"
            typer.echo(f"{job_id} {'is canceled' if is_over else 'is being stopped'}")


@jobs_app.command("delete")
def delete_jobs(job_ids: JobIds, url: ServiceUrl = DEFAULT_URL, key: ApiKey = None) -> None:
    """Delete jobs with their pictures; running ones are canceled."""
    with open_client(url, key) as client:
        for job_id in job_ids:
            client.delete(job_id)
            typer.echo(f"{job_id} is deleted")


def usage(
    days: Annotated[int, typer.Option(min=1, max=93, help="So many days, today included.")] = 31,
    as_json: AsJson = False,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
) -> None:
    """Print what your tenant's keys have used: succeeded jobs by day (UTC)."""
    with open_client(url, key) as client:
        for used in client.get_usage(days).days:
            if as_json:
                typer.echo(used.model_dump_json())
                continue
            counts = f"{used.jobs:>7} jobs {used.megapixels:>10.2f} MP {used.seconds:>10.1f} s"
            typer.echo(f"{used.day}  {used.key_id or '-':<12} {counts}")


def _find_jobs(
    client: PaintjobClient, status: list[str] | None, tag: str | None, limit: int
) -> Iterator[ListedJob]:
    filters: dict[str, str | list[str]] = {"limit": str(min(limit, MAX_PAGE))}
    if status:
        filters["status"] = status
    if tag is not None:
        filters["tag"] = tag
    return client.list_jobs(**filters)


def _describe(job: ListedJob) -> str:
    share = "" if job.is_finished or job.fraction is None else f" {job.fraction:.0%}"
    columns = f"{job.id}  {job.status + share:<14} {job.operation:<9} {job.method:<9}"
    return f"{columns} {job.created_at:%F %T}  {','.join(job.tags)}".rstrip()
