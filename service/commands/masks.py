"""`paintjob masks`: have a mask found, save it, and list what was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from service.client import Job
from service.commands.connecting import DEFAULT_URL, ApiKey, ServiceUrl, open_client
from service.commands.outputs import check_output
from service.commands.submit import (
    DryRun,
    Finds,
    ImageFile,
    NoStore,
    RegionsFile,
    Tags,
    check_succeeded,
    read_regions,
    watch,
)


def masks(
    image: ImageFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="PNG for the mask: white is what it marks."),
    ] = None,
    find: Finds = None,
    regions: RegionsFile = None,
    if_nothing: Annotated[
        str | None, typer.Option(help="fail (default), or keep: an empty mask.")
    ] = None,
    mask_polarity: Annotated[
        str | None, typer.Option(help="black_repaints: mark all but the regions.")
    ] = None,
    grow: Annotated[int | None, typer.Option(help="Pixels to widen the mask by.")] = None,
    tag: Tags = None,
    no_store: NoStore = None,
    dry_run: DryRun = False,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
) -> None:
    """Find a mask without painting: of text, the subject, what words name, or places."""
    wanted = read_regions(regions, find)
    params: dict[str, Any] = {"if_nothing": if_nothing, "mask_polarity": mask_polarity}
    params |= {"grow": grow, "tags": tag, "no_store": no_store, "regions": wanted}
    if wanted is None:
        raise typer.BadParameter("say what to mark by --find or --regions")
    with open_client(url, key) as client:
        if dry_run:
            typer.echo(client.plan("mask", image, None, params).model_dump_json(indent=2))
            return
        if output is None:
            raise typer.BadParameter("name the file for the mask with --output")
        if output.suffix.lower() != ".png":
            raise typer.BadParameter("a mask is a PNG", param_hint="--output")
        check_output(output)
        job = watch(client, client.submit("mask", image, None, params))
        check_succeeded(job)
        client.save(job, output)
    _describe(job, output)


def _describe(job: Job, output: Path) -> None:
    for warning in job.warnings:
        typer.echo(f"warning: {warning.code}: {warning.detail}", err=True)
    effective = job.mask.effective if job.mask is not None else None
    for found in effective.found if effective is not None else ():
        # As JSON, because words may be any text.
        label, box = json.dumps(found.label, ensure_ascii=False), list(found.box)
        typer.echo(f"{label} {found.score:.2f} at {box} by {found.finder}")
    share = job.mask.coverage if job.mask is not None else 0.0
    typer.echo(f"{output}: {share:.1%} of the picture; paint on it with --mask-job {job.id}")
